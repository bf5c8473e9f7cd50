"""How a stage ends on the command line when what it was given cannot be used."""

from __future__ import annotations

import sys
from collections.abc import Callable

from domain.errors import BadData


def run_stage(main: Callable[[], None]) -> None:
    """`main`; BadData becomes one line on stderr and exit code 2. Everything else is a bug and shows its traceback."""
    try:
        main()
    except BadData as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None

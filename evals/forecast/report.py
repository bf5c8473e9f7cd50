"""A report in lines on the standard output, or one line on the standard error for data that cannot be read."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from domain.errors import BadData


def print_report(lines: Callable[[], Sequence[str]]) -> None:
    """Prints the lines; exit code 2 and one line where making them raises BadData."""
    try:
        print("\n".join(lines()))
    except BadData as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None

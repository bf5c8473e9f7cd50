"""How a stage reads its numbers on the command line, and ends when what it was given cannot be used."""

from __future__ import annotations

import argparse
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


def positive(text: str) -> int:
    """A whole number from 1 on, as a type of argparse."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 on, not {text!r}")
    return int(text)


def share(text: str) -> float:
    """A number from 0 to 1, as a type of argparse."""
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found <= 1:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to 1, not {text!r}")
    return found

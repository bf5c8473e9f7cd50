"""How far a long measurement is, on the standard error, for whoever waits."""

from __future__ import annotations

import sys
import time


def say(line: str) -> None:
    """One line, with the CPU seconds that this process has used so far."""
    sys.stderr.write(f"{time.process_time():8.1f} CPU s  {line}\n")
    sys.stderr.flush()

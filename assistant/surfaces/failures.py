"""How the terminal tells failures: one line on stderr, exit code 1 for a clear failure, 2 for what cannot be read."""

from __future__ import annotations

import functools
import os
import sys
import traceback
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, ParamSpec, TypeVar

import typer
from pydantic import ValidationError

from domain.errors import AskAgain, BadData, RoundsmanError

P = ParamSpec("P")
R = TypeVar("R")
FAILED, UNREADABLE, INTERRUPTED = 1, 2, 130
KEPT = {"\n", "\t"}


class Unreadable(RoundsmanError):
    """An argument of the command cannot be used: exit code 2."""


def show(text: str = "") -> None:
    """One text on stdout, without the control characters that a record may hold (a terminal would obey them)."""
    typer.echo("".join(mark for mark in text if mark in KEPT or unicodedata.category(mark) not in {"Cc", "Cs"}))


def fail(sentence: str, code: int = FAILED) -> NoReturn:
    """Says one line on stderr and ends with `code`."""
    typer.echo(f"roundsman: {' '.join(sentence.split())}", err=True)
    raise typer.Exit(code)


def clear(command: Callable[P, R]) -> Callable[P, R]:
    """A command whose failures end in one line instead of a traceback."""

    @functools.wraps(command)
    def told(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except (BadData, Unreadable) as error:
            fail(str(error), UNREADABLE)
        except AskAgain as error:
            fail(error.question)
        except RoundsmanError as error:
            fail(str(error))
        except ValidationError as error:
            fail(_settings_fault(error), UNREADABLE)
        except KeyboardInterrupt:
            fail("stopped.", INTERRUPTED)
        except BrokenPipeError:  # the reader (`| head`) has gone; python would complain once more when it flushes
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(FAILED) from None
        except (typer.Exit, typer.Abort):
            raise
        except Exception as error:  # noqa: BLE001  # the outermost surface: a bug is told in one line
            fail(_bug(error))

    return told


def _settings_fault(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    name = "_".join(str(part) for part in first["loc"]).upper()
    return f"the setting ROUNDSMAN_{name} cannot be used: {first['msg']}."


def _bug(error: Exception) -> str:
    at = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(at.filename).name}:{at.lineno}"
    return f"this is a fault in Roundsman itself, please report it: {type(error).__name__}: {error} ({where})"

"""Errors, sorted by who can repair them.

RoundsmanError
├── AskAgain             the user (or the model) can repair it: goes back as a question
│   ├── UnknownName      no bin, site, street, truck, stream or plan of that name
│   ├── AmbiguousName    several names fit: the choices go with it
│   ├── UnclearTime      words that are no time, or an impossible one
│   ├── MissingPiece     a required argument was not said
│   └── OutOfRange       a number outside what can be planned or asked
├── NotPermitted         the role may not do this
├── NotNow               the outside world: degrade and say so
│   ├── ModelUnavailable the language model is missing, dead or answered nonsense
│   │   └── PromptTooLong    the prompt has more tokens than the model's context holds
│   ├── DeadlineExceeded a part took longer than its budget
│   ├── LedgerUnavailable the ledger cannot be written, so no effect may happen
│   └── StoreUnavailable the database is locked, full or gone
└── BadData              a file or request that cannot be read; says where and what to do

Everything else is a bug and propagates.
"""

from __future__ import annotations

from collections.abc import Sequence


class RoundsmanError(Exception):
    """Base of all errors that Roundsman raises on purpose."""


class AskAgain(RoundsmanError):
    """The user can repair it. `question` is shown as it stands; `choices` become buttons."""

    def __init__(self, question: str, choices: Sequence[str] = ()) -> None:
        super().__init__(question)
        self.question = question
        self.choices = tuple(choices)


class UnknownName(AskAgain):
    """No record has the name that was said."""

    def __init__(self, kind: str, said: str, nearest: Sequence[str] = ()) -> None:
        hint = f" Nearest names: {', '.join(nearest)}." if nearest else ""
        super().__init__(f"I have no {kind} called “{said}”.{hint} Which one did you mean?", nearest)
        self.kind, self.said = kind, said


class AmbiguousName(AskAgain):
    """Several records fit what was said."""

    def __init__(self, kind: str, said: str, choices: Sequence[str]) -> None:
        super().__init__(f"“{said}” fits more than one {kind}: {', '.join(choices)}. Which one?", choices)
        self.kind, self.said = kind, said


class UnclearTime(AskAgain):
    """Words that are no time, or one that does not exist; or, `hour_in_doubt`, it may be morning or evening."""

    def __init__(self, said: str, why: str = "I cannot read it as a time", *, hour_in_doubt: bool = False) -> None:
        super().__init__(f"“{said}”: {why}. Say for example “tomorrow noon”, “next Friday” or “2025-09-01 12:00”.")
        self.said, self.hour_in_doubt = said, hour_in_doubt


class MissingPiece(AskAgain):
    """A required argument was not said."""

    def __init__(self, name: str, question: str, choices: Sequence[str] = ()) -> None:
        super().__init__(question, choices)
        self.name = name


class OutOfRange(AskAgain):
    """A number outside what can be planned or asked."""


class NotPermitted(RoundsmanError):
    """The role may not do this. The message names the role that may."""


class NotNow(RoundsmanError):
    """The outside world failed. The message is the sentence shown to the user."""


class ModelUnavailable(NotNow):
    """The language model is missing, dead, or did not answer with a legal call."""


class PromptTooLong(ModelUnavailable):
    """The prompt has more tokens than the model's context holds: fewer turns may fit."""


class DeadlineExceeded(NotNow):
    """A part took longer than its budget."""


class LedgerUnavailable(NotNow):
    """The ledger cannot be written; no effect happens without its record."""


class StoreUnavailable(NotNow):
    """The database is locked, full, or gone."""


class BadData(RoundsmanError):
    """A file, row or request that cannot be read; the message says where and what to do."""

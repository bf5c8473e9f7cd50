"""The kinds of arguments a tool may take: what the model writes, and what code makes of it (law 5).

A tool's signature names the resolved type; the registry derives from it the JSON type that the model sees.
`near: PlaceArg | None = None` is a string to the model and a `Place` to the tool.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, NewType

from domain.values import BinSet, Moment, Period, Place, TruckSet

Stream = NewType("Stream", str)
"""A waste stream by its name in the records."""
FreeText = NewType("FreeText", str)
"""The user's own clause: a note, a condition, topic words."""
Ref = NewType("Ref", str)
"""The id of something of this conversation or of the ledger; `last` is the newest."""


@dataclass(frozen=True)
class Words:
    """Marks an argument that holds the user's own words.

    `one` refuses trucks of which several are meant (a site stands for all its bins), `many` makes a list, `leaving`
    offers the model trucks as left out too ("without T2"), `also` are words of ours that are legal unsaid. `apart`
    names arguments of the same tool that this one never repeats: neither what they hold nor one of their choices.
    """

    kind: str
    max_words: int = 8
    one: bool = False
    many: bool = False
    leaving: bool = False
    also: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()


@dataclass(frozen=True)
class Number:
    """Marks a number with its bounds (both inclusive) and what is said of one outside them.

    `can` is what a number within them is for, `below` and `above` what one outside them is and what the user is to
    name instead; a person reads the number in `unit`, of which it counts `per`.
    """

    least: int
    most: int
    can: str
    below: str
    above: str
    unit: str = ""
    per: int = 1

    def refusal(self, said: int) -> str | None:
        """What is said of a number outside the bounds, with the next step; None within them."""
        if self.least <= said <= self.most:
            return None
        over = said > self.most
        bound = f"at {'most' if over else 'least'} {self._read(self.most if over else self.least)}"
        return f"I can {self.can.format(bound)}; {self._read(said)} is {self.above if over else self.below}"

    def _read(self, number: int) -> str:
        return f"{number / self.per:,.3f}".rstrip("0").rstrip(".") + self.unit


@dataclass(frozen=True)
class Default:
    """A default in the user's words, resolved like words that were said."""

    words: str


def words(default: str) -> Any:  # stands where a resolved value will be, like pydantic's Field
    """The default of an argument that code resolves: `by: MomentArg = words("tomorrow")`."""
    return Default(default)


PlaceArg = Annotated[Place, Words("place")]
MomentArg = Annotated[Moment, Words("time")]
SinceArg = Annotated[Period, Words("period")]
ComparedArg = Annotated[Period, Words("period", apart=("since", "group_by"))]
UntilArg = Annotated[Moment, Words("until")]
BinsArg = Annotated[BinSet, Words("bin", many=True)]
BinArg = Annotated[BinSet, Words("bin", one=True)]
TrucksArg = Annotated[TruckSet, Words("truck", max_words=4, many=True)]
DrivingArg = Annotated[TruckSet, Words("truck", max_words=4, many=True, leaving=True)]
TruckArg = Annotated[TruckSet, Words("truck", max_words=4, one=True)]
StreamArg = Annotated[Stream, Words("stream", max_words=4)]
ReportStreamArg = Annotated[Stream, Words("stream", max_words=4, apart=("group_by",))]
TextArg = Annotated[FreeText, Words("text", max_words=40)]
ModelArg = Annotated[
    FreeText, Words("text", max_words=4, also=("fill", "overflow", "vision", "language", "embeddings"))
]
ScheduleArg = Annotated[FreeText, Words("schedule", max_words=8)]
RefArg = Annotated[Ref, Words("ref", max_words=1)]
ImageArg = Annotated[Ref, Words("image", max_words=1)]

FEW, MANY = "too few: name a larger number", "too many: name a smaller number"
NEAR, FAR = "too near: name a larger radius", "too far: name a smaller radius"
LOW, HIGH = "too low: name a higher level", "too high: name a lower level"
Metres = Annotated[int, Number(0, 50_000, "look {} around a place", NEAR, FAR, " km", 1000)]
Percent = Annotated[int, Number(0, 100, "ask for a level of {}", LOW, HIGH, " %")]
Limit = Annotated[int, Number(1, 500, "list {} at once", FEW, MANY)]
TruckCount = Annotated[int, Number(1, 200, "set the number of trucks to {}", FEW, MANY)]
Hours = Annotated[int, Number(1, 24, "plan shifts of {}", "too short: name more", "too long: name fewer", " h")]
Count = Annotated[int, Number(1, 100_000, "set the number of bins to {}", FEW, MANY)]

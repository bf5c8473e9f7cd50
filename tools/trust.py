"""How far a forecast's interval can be trusted: the share of levels found that lay inside it, where any were found.

"If nobody comes" shows in readings alone: an emptying shows what a crew found at a bin that it came to, which is
another question. So where no reading exists the interval is computed and unchecked, and the answer says that. The same
is said of moments further ahead than any suite has asked about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from domain.operation import BinInfo
from domain.repositories.outcomes import held_by_readings
from domain.values import Confidence, Evidence, Reason, counted
from engines.forecast.history import local_moment
from engines.forecast.learning import LONGEST_CHECKED_H
from tools.context import Ctx
from tools.outcomes import ACCURACY_OVER, LONGEST_LEAD

STATED = 0.8
FEWEST_FOUND = 100  # fewer levels found do not say what share an interval holds
JUST_BEFORE = timedelta(microseconds=1)
FILL_MODEL = Evidence(label="fill model", ref="models:fill")


@dataclass(frozen=True)
class Trust:
    """What an answer says of its intervals: the share of cases in which they hold, None where nothing checks that; and
    the reasons that say where they are unchecked."""

    confidence: Confidence | None
    why: list[Reason]


def trust_in(ctx: Ctx, shown: Sequence[BinInfo], ahead_h: float) -> Trust:
    """Of the bins shown, some hours ahead."""
    read = [(each, _read(ctx, each)) for each in shown]
    sensed = [each.bin_id for each, sees in read if sees]
    blind = [each for each, sees in read if not sees]
    far = ahead_h > LONGEST_CHECKED_H
    confidence = _share(ctx, sensed, ahead_h) if sensed and not far else None
    return Trust(confidence, [*_blind(blind), *(_far() if sensed and far else [])])


def _share(ctx: Ctx, sensed: Sequence[str], ahead_h: float) -> Confidence:
    """The share that held in the last four weeks at these bins where enough levels were found a day after their
    forecast and the question looks no further; else the share that the intervals are made for."""
    until = ctx.now - JUST_BEFORE  # on a clock that stands still a renewal may join outcomes at this very moment
    with ctx.store.read() as session:
        found, held = held_by_readings(session, ctx.city.name, sensed, (until - ACCURACY_OVER, until))
    known = f"held {held:,} of {found:,} levels read at these bins in the last four weeks"
    if found >= FEWEST_FOUND and ahead_h <= LONGEST_LEAD / timedelta(hours=1):
        return Confidence(share=held / found, meaning=f"the low to high interval of the table: a day ahead it {known}")
    meaning = "the level is expected inside the low to high interval of the table in eight of ten cases"
    checked = (
        f"at these bins that is checked a day ahead only, where it {known}"
        if found >= FEWEST_FOUND
        else "too few were found to check it"
    )
    return Confidence(share=STATED, meaning=f"{meaning}; {checked}")


def _blind(blind: Sequence[BinInfo]) -> list[Reason]:
    """That the interval is unchecked at the bins without a reading; none where all have some."""
    if not blind:
        return []
    text = (
        f"Low to high is computed and unchecked for {counted(len(blind), 'bin')} shown: without readings nothing shows "
        "how full a bin is if nobody comes, only what crews find at the bins that they come to."
    )
    return [Reason(text=text, evidence=[FILL_MODEL])]


def _far() -> list[Reason]:
    """That the interval is unchecked so far ahead."""
    days = round(LONGEST_CHECKED_H / 24)
    text = (
        f"Low to high is computed and unchecked so far ahead: how often it holds is measured up to {days} days ahead."
    )
    return [Reason(text=text, evidence=[FILL_MODEL])]


def _read(ctx: Ctx, info: BinInfo) -> bool:
    """Whether there is a reading of the bin by now."""
    read_at = ctx.fill.histories(ctx.city)[info.bin_id].read_at
    return bool(len(read_at) and read_at[0] <= local_moment(ctx.now.astimezone(ctx.zone)))

"""How far a forecast's interval can be trusted: the share of levels found that lay inside it, where any were found.

"If nobody comes" shows in readings alone: an emptying shows what a crew found at a bin that it came to, which is
another question. So where no reading exists the interval is computed and unchecked, and the answer says that.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from domain.operation import BinInfo
from domain.repositories.outcomes import held_by_readings
from domain.values import Confidence, Evidence, Reason, counted
from engines.forecast.history import local_moment
from tools.context import Ctx
from tools.outcomes import ACCURACY_OVER, LONGEST_LEAD

STATED = 0.8
FEWEST_FOUND = 100  # fewer levels found do not say what share an interval holds
JUST_BEFORE = timedelta(microseconds=1)


def trusted(ctx: Ctx, shown: Sequence[BinInfo], ahead_h: float) -> Confidence | None:
    """The share of cases in which the interval holds; None where none of the bins has readings to check it by.

    It is the share that held in the last four weeks at these bins where enough levels were found a day after their
    forecast and the question looks no further; else the share that the intervals are made for.
    """
    sensed = [b.bin_id for b in shown if _read(ctx, b)]
    if not sensed:
        return None
    until = ctx.now - JUST_BEFORE  # on a clock that stands still a renewal may join outcomes at this very moment
    with ctx.store.read() as session:
        found, held = held_by_readings(session, ctx.city.name, sensed, (until - ACCURACY_OVER, until))
    known = f"a day ahead it held {held:,} of {found:,} levels read at these bins in the last four weeks"
    if found >= FEWEST_FOUND and ahead_h <= LONGEST_LEAD / timedelta(hours=1):
        return Confidence(share=held / found, meaning=f"the low to high interval of the table: {known}")
    meaning = "the level is expected inside the low to high interval of the table in eight of ten cases"
    checked = (
        f"so far ahead that is not checked; {known}" if found >= FEWEST_FOUND else "too few were found to check it"
    )
    return Confidence(share=STATED, meaning=f"{meaning}; {checked}")


def unchecked_reason(ctx: Ctx, shown: Sequence[BinInfo]) -> list[Reason]:
    """That the interval is unchecked at the bins without a reading, one reason; none where all have some."""
    blind = [b for b in shown if not _read(ctx, b)]
    if not blind:
        return []
    text = (
        f"Low to high is computed and unchecked for {counted(len(blind), 'bin')} shown: without readings nothing shows "
        "how full a bin is if nobody comes, only what crews find at the bins that they come to."
    )
    return [Reason(text=text, evidence=[Evidence(label="fill model", ref="models:fill")])]


def _read(ctx: Ctx, info: BinInfo) -> bool:
    """Whether there is a reading of the bin by now."""
    read_at = ctx.fill.histories(ctx.city)[info.bin_id].read_at
    return bool(len(read_at) and read_at[0] <= local_moment(ctx.now.astimezone(ctx.zone)))

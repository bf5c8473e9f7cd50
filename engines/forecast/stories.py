"""What a forecast rests on, bin by bin: where it starts, how fast the bin usually fills, from what that is known."""

from __future__ import annotations

from collections.abc import Sequence

from engines.forecast.columns import hours
from engines.forecast.history import BinHistory, Times
from engines.forecast.horizons import Story, features_hash
from engines.forecast.outcomes import Kind
from engines.forecast.predict import basis_words, find_starts
from engines.forecast.rates import Rates


def stories_of(histories: Sequence[BinHistory], at: Times, rates: Rates, model: str) -> list[Story]:
    """One story a bin for a forecast made at its moment `at` (n,) by `model` (name and version: part of the hash)."""
    starts = find_starts(histories, hours(at))
    found = []
    for row, history in enumerate(histories):
        abstained = starts.why_not[row]
        if abstained is not None:
            found.append(Story(history.stream, abstained=abstained))
            continue
        reading, level, begin = bool(starts.from_reading[row]), float(starts.level[row]), float(starts.at[row])
        rate, basis = rates.rate_of(history)
        kind: Kind = "reading" if reading else "unattended"
        spread = rates.outcomes.curve(history.stream, kind)[1]
        found.append(
            Story(
                stream=history.stream,
                starts_at=begin,
                starts_from=f"a reading of {level:.0f} %" if reading else "its last emptying",
                rate_pct_per_hour=round(rate, 4),
                basis=basis_words(basis, spread),
                features_hash=features_hash(model, history.bin_id, begin, level, kind, rate),
            )
        )
    return found

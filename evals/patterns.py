"""Suite `patterns`: how many findings the records give, and how many they give when chance alone is left in them.

    python -m evals patterns --data cities/berkeley --shuffles 3

A shuffle moves what was seen among the units of each stratum (same bin, length and quarter; same week; same month), so
that conditions mean nothing and all else stays; what is found then is false. `planted_found_share` is the share of the
sites and streams at which a Thursday made twice as fast, the only habit in the city, is found; `cpu_s` is one look, the
records read already.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.random import Generator
from pydantic import JsonValue

from domain.clock import wall_clock
from domain.loading import load_city
from domain.operation import load_operation
from domain.store import Store
from engines.patterns import Rules, Units, find_patterns, found_among, p_values
from tools.pattern_units import DAYS, Subject, bin_subjects, called_subjects

__all__ = ["figures", "planted_found_share", "planted_thursday", "shuffled"]

PLANTED = 2.0
THURSDAY = DAYS.index("Thursday")


def figures(folder: Path, shuffles: int, seed: int = 0) -> tuple[dict[str, JsonValue], dict[str, JsonValue], int]:
    """Figures, baselines and tests made. Raises BadData for a folder that is no city."""
    subjects = _subjects(folder)
    began = time.process_time()
    found = find_patterns([subject.units for subject in subjects], Rules(), seed)
    cpu_s = time.process_time() - began
    generator = np.random.default_rng(seed)
    false = [
        len(find_patterns([shuffled(s.units, generator) for s in subjects], Rules(), seed)) for _ in range(shuffles)
    ]
    uncorrected = _uncorrected(subjects, generator)
    by_question: dict[str, JsonValue] = {
        question: sum(pattern.name.startswith(question) for pattern in found)
        for question in ("fills", "full", "called")
    }
    ours: dict[str, JsonValue] = {
        "found": len(found),
        "found_when_shuffled": float(np.mean(false)) if false else 0.0,
        "cpu_s": round(cpu_s, 2),
        "found_by_question": by_question,
        "planted_found_share": planted_found_share(subjects, generator),
    }
    return ours, {"uncorrected": {"found_when_shuffled": uncorrected}}, found[0].tests if found else 0


def shuffled(units: Units, generator: Generator) -> Units:
    """The units with their Pearson residuals moved at random within strata."""
    _, codes = np.unique(units.stratum, return_inverse=True)
    rate = np.bincount(codes, units.value) / np.bincount(codes, units.base)
    expected, spread = rate[codes] * units.base, np.sqrt(units.base)
    residuals = (units.value - expected) / spread
    order = np.lexsort((generator.random(len(codes)), codes))
    held = np.argsort(codes, kind="stable")
    moved = np.empty_like(residuals)
    moved[held] = residuals[order]
    return replace(units, value=expected + moved * spread)


def planted_thursday(units: Units) -> Units:
    """The units as they were, had Thursdays filled twice as fast."""
    return replace(units, value=units.value * (1 + (PLANTED - 1) * units.share[:, THURSDAY]))


def planted_found_share(subjects: Sequence[Subject], generator: Generator) -> float | None:
    """One habit at a time, in records that are otherwise shuffled: a second one would ease the correction for both."""
    chance = [shuffled(subject.units, generator) for subject in subjects]
    tests = p_values(chance, Rules(), generator)
    often = replace(Rules(), draws=Rules().drawn(len(tests)))
    tested = {units.name for units, _, _ in tests}
    found = []
    for subject, units in zip(subjects, chance, strict=True):
        if subject.question == "fills" and subject.places[0].site_id and units.name in tested:
            alone = p_values([planted_thursday(units)], often, generator)
            others = [test for test in tests if test[0].name != units.name]
            told = found_among([*others, *alone], Rules(), generator)
            found.append(any(p.name == units.name and p.condition == THURSDAY and p.later.ratio > 1 for p in told))
    return float(np.mean(found)) if found else None


def _uncorrected(subjects: Sequence[Subject], generator: Generator) -> int:
    """What a plain look at p < 0.05 finds in shuffled records: no correction, no second look, no least size."""
    units = [shuffled(subject.units, generator) for subject in subjects]
    return sum(p < 0.05 for _, _, p in p_values(units, replace(Rules(), draws=999), generator))


def _subjects(folder: Path) -> list[Subject]:
    with tempfile.TemporaryDirectory(prefix="patterns-") as home:
        store = Store(f"sqlite:///{Path(home) / 'records.db'}")
        store.migrate()
        report = load_city(store, folder, at=wall_clock())
        city = load_operation(store, report.city)
        subjects = [*bin_subjects(store, city), *called_subjects(store, city)]
        store.close()
    return subjects

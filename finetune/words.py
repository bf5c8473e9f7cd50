"""The words that tools/slips.py knows, of rows of finetune.rows and of dictionaries, in fifteen seconds.

    python -m finetune.words --rows train.jsonl --out finetune/adapter/roundsman-words.txt

A line holds a word and how many rows hold it. Words that calls copy are left out (a name is nobody's typing error),
and those that only noise of the rows made: a word counts that COMMON rows hold, or RARE and a dictionary. With them
come the words of the dictionaries that one slip could turn into one of those, with a count of 0: they are right as they
are.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from spellchecker import SpellChecker

from domain.errors import BadData
from domain.values import Call
from finetune.row_file import rows_in
from finetune.stage import run_stage
from prompts.row import Row
from tools.mentions import Mention
from tools.slips import WORD

LANGUAGES = ["en", "es", "de", "fr"]
COMMON, RARE = 40, 8
LETTERS = "abcdefghijklmnopqrstuvwxyzäöüßáéíóúñàâçèêëîïôûœ'"


def counted(rows: Iterable[Row]) -> Counter[str]:
    """How many rows hold each word, in small letters, outside of what calls copied and of recognised names."""
    counts: Counter[str] = Counter()
    for row in rows:
        said = {word for turn in row.turns for word in _words(turn.question)}
        calls = [row.call, *(step.call for turn in row.turns for step in turn.steps)]
        copied = {word for call in calls for value in Call.read(call).texts() for word in _words(value)}
        named = {word for turn in row.turns for mark in turn.marks for word in _words(Mention.read(mark).words)}
        counts.update(said - copied - named)
    return counts


def known(counts: Counter[str], dictionary: Collection[str]) -> dict[str, int]:
    """The words to keep and their counts, the commonest first, then their neighbours in the dictionary."""
    kept = {word: count for word, count in counts.most_common() if count >= (RARE if word in dictionary else COMMON)}
    near = {other for word in kept for other in _one_slip_from(word)} & set(dictionary) - kept.keys()
    return kept | dict.fromkeys(sorted(near), 0)


def _words(text: str) -> Iterator[str]:
    return (found[0].casefold() for found in WORD.finditer(text))


def _one_slip_from(word: str) -> Iterator[str]:
    parts = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    yield from (before + after[1:] for before, after in parts if after)
    yield from (before + after[1] + after[0] + after[2:] for before, after in parts if len(after) > 1)
    yield from (before + letter + after for before, after in parts for letter in LETTERS)
    yield from (before + letter + after[1:] for before, after in parts if after for letter in LETTERS)


def main() -> None:
    """Count, look up, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    rows = rows_in(options.rows)
    counts = counted(row for row in rows if not row.setting.tools)
    words = known(counts, SpellChecker(language=LANGUAGES).word_frequency.dictionary.keys())
    if not any(words.values()):
        raise BadData(f"{options.rows} has too few rows: no word is in {RARE} of them")
    options.out.write_text("".join(f"{word} {count}\n" for word, count in words.items()), encoding="utf-8")
    trained = sum(map(bool, words.values()))
    print(f"{options.out}: {trained} words of {len(rows)} rows, {len(words) - trained} others of the dictionaries")


if __name__ == "__main__":
    run_stage(main)

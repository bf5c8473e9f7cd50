"""Openings that people put before a request, mined from other people's everyday utterances.

    python -m finetune.carriers --data FOLDER        # clinc150/, banking77/, nlupp/, snips/ below it

What stands before a question word ("could you tell me | which ...") or before a command verb ("i need you to | show
...") in the training parts of CLINC150, BANKING77, NLU++ and SNIPS, kept when it serves several intents of at least
two collections: then it belongs to no topic. Writes finetune/data/carriers.txt, which `finetune.rows` reads.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from domain.name_words import words_of

OUT = Path(__file__).parent / "data" / "carriers.txt"
QUESTION_WORDS = words_of("what which how when where who why whether if")
COMMANDS = words_of(
    "show find give tell list check plan make open send set get look add put book create search let see know"
)
NO_OPENING = words_of(
    "not don't dont can't cant cannot couldn't didn't how when where why who long much should if did tried my what "
    "in at for on from see check explain understand wait happens will must do seem"
)
"""Words that change what is asked: a refusal, another question, a topic."""
LONGEST, FEWEST_INTENTS, FEWEST_CORPORA = 6, 4, 2
Said = tuple[str, str, str]
"""(collection, intent, text)."""


def utterances(folder: Path) -> Iterator[Said]:
    """The training parts of the four collections."""
    clinc = json.loads((folder / "clinc150" / "data_full.json").read_text(encoding="utf-8"))
    yield from (("clinc", intent, text) for text, intent in clinc["train"])
    with (folder / "banking77" / "train.csv").open(encoding="utf-8", newline="") as lines:
        yield from (("banking", row["category"], row["text"]) for row in csv.DictReader(lines))
    for name in ("hotels", "banking"):
        for each in json.loads((folder / "nlupp" / f"{name}.json").read_text(encoding="utf-8")):
            yield "nlupp", f"{name} {sorted(each.get('intents', []))}", each["text"]
    for file in sorted((folder / "snips").glob("train_*.json")):
        intent = file.stem.removeprefix("train_")
        for each in json.loads(file.read_text(encoding="utf-8", errors="replace"))[intent]:
            yield "snips", intent, "".join(part["text"] for part in each["data"])


def mined(said: Iterator[Said]) -> dict[str, list[str]]:
    """`question` and `command`: their openings, the most shared first."""
    seen: dict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
    for corpus, intent, text in said:
        words = re.findall(r"[^\s]+", text.lower().replace("’", "'"))
        for size in range(1, min(LONGEST, len(words) - 1) + 1):
            kind = _kind(words[size])
            if kind:
                seen[kind, " ".join(words[:size])].add((corpus, intent))
                break
    kept: dict[str, list[str]] = {"question": [], "command": []}
    for (kind, opening), places in sorted(seen.items(), key=lambda item: (-len(item[1]), item[0])):
        if set(opening.split()) & NO_OPENING:
            continue
        if len(places) >= FEWEST_INTENTS and len({corpus for corpus, _ in places}) >= FEWEST_CORPORA:
            kept[kind].append(opening)
    return kept


def _kind(word: str) -> str | None:
    bare = word.strip(",.?!")
    return "question" if bare in QUESTION_WORDS else "command" if bare in COMMANDS else None


def read_carriers(file: Path = OUT) -> dict[str, list[str]]:
    """The shipped openings by kind."""
    kept: dict[str, list[str]] = {"question": [], "command": []}
    for line in file.read_text(encoding="utf-8").splitlines():
        kind, _, opening = line.partition(" : ")
        if kind in kept:
            kept[kind].append(opening)
    return kept


def main() -> None:
    """Mine and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    kept = mined(utterances(options.data))
    lines = ["# Written by finetune/carriers.py; sources and licences in SOURCES.md."]
    lines += [f"{kind} : {opening}" for kind, openings in kept.items() for opening in openings]
    options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{options.out}: {', '.join(f'{len(v)} before a {k}' for k, v in kept.items())}")


if __name__ == "__main__":
    main()

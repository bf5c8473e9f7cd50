"""People's questions with what they mean, of four collections: what the reader of declared tools hears of real people.

    python -m finetune.annotated --data FOLDER        # clinc150/, banking77/, nlupp/, snips/ below it

Writes finetune/data/annotated.jsonl from their training parts: all of SNIPS (Coucke et al. 2018, arXiv:1805.10190) and
NLU++ (Casanueva et al. 2022, NAACL), of CLINC150 and BANKING77 MOST_OF_A_LABEL a label, what is LEFT_OUT excepted.
What a collection's business is, and what its labels and slots are called, stands in finetune/data/annotated_tools.json.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from finetune.adapters import write_whole

DATA = Path(__file__).parent / "data"
QUESTIONS, BUSINESSES = DATA / "annotated.jsonl", DATA / "annotated_tools.json"
MOST_OF_A_LABEL = 50
LEFT_OUT = {
    "small_talk", "meta", "utility", "auto_and_commute", "calendar", "calendar_update", "card_arrival", "GetWeather",
}  # fmt: skip
"""Talk that no tool serves, and business that is near to what tools of the cases do: domains and labels."""


@dataclass(frozen=True)
class Annotated:
    """A question: the business it is about, the labels it has, and by slot the stretch of it that fills one."""

    business: str
    question: str
    labels: tuple[str, ...]
    slots: Mapping[str, str]


@dataclass(frozen=True)
class Business:
    """What questions of one kind are about, as a tool: names and descriptions to choose from, what its labels are
    called and what asks for them, and what its slots are called, mean and hold ("string" or "integer")."""

    names: tuple[str, ...]
    about: tuple[str, ...]
    labels: Mapping[str, tuple[str, str]]
    slots: Mapping[str, tuple[str, str, str]]


def annotated_in(folder: Path) -> Iterator[Annotated]:
    """The training parts of the four collections."""
    yield from _snips(folder / "snips")
    yield from _nlupp(folder / "nlupp")
    yield from _few(_clinc(folder / "clinc150"))
    yield from _few(_banking(folder / "banking77"))


def _snips(folder: Path) -> Iterator[Annotated]:
    for file in sorted(folder.glob("train_*.json")):
        intent = file.stem.removeprefix("train_")
        for each in json.loads(file.read_text(encoding="utf-8", errors="replace"))[intent]:
            found = [(part["entity"], part["text"].strip()) for part in each["data"] if "entity" in part]
            question, slots = "".join(part["text"] for part in each["data"]).strip(), dict(found)
            if intent not in LEFT_OUT and "\ufffd" not in question and len(slots) == len(found):
                yield Annotated(f"snips {intent}", question, (), slots)


def _nlupp(folder: Path) -> Iterator[Annotated]:
    for domain in ("hotels", "banking"):
        for each in json.loads((folder / f"{domain}.json").read_text(encoding="utf-8")):
            slots = {name: said["text"] for name, said in each.get("slots", {}).items()}
            yield Annotated(f"nlupp {domain}", each["text"], tuple(each.get("intents", ())), slots)


def _clinc(folder: Path) -> Iterator[Annotated]:
    domains = json.loads((folder / "domains.json").read_text(encoding="utf-8"))
    of = {intent: domain for domain, intents in domains.items() for intent in intents}
    for text, intent in json.loads((folder / "data_full.json").read_text(encoding="utf-8"))["train"]:
        if not LEFT_OUT & {of[intent], intent}:
            yield Annotated(f"clinc {of[intent]}", text, (intent,), {})


def _banking(folder: Path) -> Iterator[Annotated]:
    with (folder / "train.csv").open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            label = row["category"].rstrip("?").lower()
            if label not in LEFT_OUT:
                yield Annotated("banking77", row["text"].strip(), (label,), {})


def _few(found: Iterator[Annotated]) -> Iterator[Annotated]:
    """The first ones of each label."""
    seen = Counter[str]()
    for each in found:
        seen[each.labels[0]] += 1
        if seen[each.labels[0]] <= MOST_OF_A_LABEL:
            yield each


@cache
def read_annotated() -> tuple[Annotated, ...]:
    """The shipped questions."""
    lines = map(json.loads, QUESTIONS.read_text(encoding="utf-8").splitlines())
    return tuple(Annotated(each["business"], each["question"], tuple(each["labels"]), each["slots"]) for each in lines)


@cache
def businesses() -> Mapping[str, Business]:
    """What the questions are about."""
    found = json.loads(BUSINESSES.read_text(encoding="utf-8"))
    return {
        name: Business(
            tuple(said["names"]),
            tuple(said["about"]),
            {label: (called, about) for label, (called, about) in said.get("labels", {}).items()},
            {slot: (called, about, kind) for slot, (called, about, kind) in said.get("slots", {}).items()},
        )
        for name, said in found.items()
    }


def main() -> None:
    """Write the questions."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    lines = (json.dumps(asdict(each), ensure_ascii=False) for each in annotated_in(parser.parse_args().data))
    found = list(dict.fromkeys(lines))
    write_whole(QUESTIONS, lambda file: file.write_text("".join(f"{line}\n" for line in found), encoding="utf-8"))
    print(f"{QUESTIONS}: {len(found)} questions")


if __name__ == "__main__":
    main()

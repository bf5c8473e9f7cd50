"""python -m finetune.rows --out finetune/runs/rows.jsonl [--turns 24000] [--seed 0]

Training rows, derived: a frame gives words and gold call together, the cities give the names, the registry checks the
call, the renderer of serving renders the prompt. Writes {"prompt", "completion", "kind", "question"} lines and a
validation file of held-out frames and held-out names beside it.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import JsonValue

import tools  # noqa: F401  # declares them
from finetune.fillers import CityWords, Fillers, read_city
from finetune.frames import Frame, Said, arguments_of, read_frames, words_of
from finetune.surface_noise import roughen
from prompts.render import END, Setting, Step, Turn, render
from tools.registry import TOOLS, check_parameters
from tools.words import reference

ROOT = Path(__file__).parent
ROLES = ["manager", "dispatcher", "dispatcher", "viewer", "auditor", "api"]
JOINTS = [", and then ", ". Then ", " and also ", ". Also, ", " and ", ", then ", "; "]
MIX = {"call": 0.47, "follow": 0.26, "after": 0.06, "two": 0.04, "asked": 0.04, "clarify": 0.03, "decline": 0.06,
       "reply": 0.04}  # fmt: skip
"""Shares of the kinds of rows, after the published mixes for closed tool sets."""
WEIGHT = {"find_bins": 1.4, "forecast_fill": 1.6, "plan_round": 1.8, "search_records": 1.4, "service_history": 1.4,
          "operations_report": 1.5, "what_if": 0.7, "explain": 0.7, "propose_ticket": 1.2,
          "propose_watch": 1.2}  # fmt: skip
PLAN_TOOLS = frozenset({"plan_round", "what_if"})
LAST_OF = {"what_if": PLAN_TOOLS, "propose_dispatch": PLAN_TOOLS, "explain": PLAN_TOOLS | {"forecast_fill"}}


TAILED = 0.30
"""Share of single requests that get one or two more arguments behind them."""
EXCLUDED = {"near": {"bins", "bin"}, "bins": {"near", "bin"}, "trucks": {"truck_count"}, "truck_count": {"trucks"},
            "min_fill_pct": {"serve", "max_fill_pct"}, "serve": {"min_fill_pct"}, "max_fill_pct": {"min_fill_pct"},
            "schedule": {"since"}, "until": {"compare_to"}}  # fmt: skip
"""An argument that is not added where one of the others is set."""


@dataclass(frozen=True)
class Gold:
    """One user turn and the call it should lead to."""

    question: str
    name: str
    parameters: dict[str, JsonValue]

    @property
    def call(self) -> str:
        """The call as the model must write it."""
        return json.dumps({"name": self.name, "parameters": self.parameters}, ensure_ascii=False, separators=(",", ":"))


class Author:
    """Draws turns for one city from a part of the frames."""

    def __init__(self, city: CityWords, frames: dict[str, list[Frame]], chance: random.Random) -> None:
        self.city, self.frames, self.chance = city, frames, chance
        self.filler = Fillers(city)

    def single(self, name: str | None = None) -> Gold:
        """A turn that stands alone (or, for `what_if` and its like, after a plan)."""
        names = list(TOOLS)
        name = name or self.chance.choices(names, [WEIGHT.get(n, 1.0) for n in names])[0]
        while True:
            gold = self.say(self.chance.choice(self.frames[name]), name)
            if gold:
                return gold

    def say(self, frame: Frame, name: str) -> Gold | None:
        """Expand, roughen and check one frame; None when the call breaks the registry's schema."""
        said = frame.expand(self.filler.fill, self.chance)
        if self.chance.random() < TAILED:
            self.add_tails(said, name)
        said.segments = roughen(said.segments, self.chance)
        question = words_of(said)
        try:
            parameters = typed(name, arguments_of(said))
            check_parameters(TOOLS[name], parameters)
        except (TypeError, KeyError, ValueError):
            return None
        return Gold(question, name, parameters) if copied(question, parameters) else None

    def add_tails(self, said: Said, name: str) -> None:
        """One or two more arguments behind the request, of those that the frame left out."""
        for _ in range(self.chance.choices([1, 2], [0.75, 0.25])[0]):
            set_already = set(arguments_of(said))
            free = {a.name for a in TOOLS[name].arguments} - set_already
            free -= {w for w, others in EXCLUDED.items() if others & set_already}
            if "near" not in set_already:
                free.discard("within_m")
            tails = [f for f in self.frames["tails"] if f.head in free]
            if not tails:
                return
            argument = self.chance.choice(sorted({t.head for t in tails}))
            tail = self.chance.choice([t for t in tails if t.head == argument])
            _trim_end(said)
            more = tail.expand(self.filler.fill, self.chance)
            said.segments += more.segments
            said.fixed |= more.fixed

    def follow(self, before: Gold) -> Gold | None:
        """A turn that leans on `before`: one thing changed, the rest carried over."""
        fitting = [f for f in self.frames["followups"] if before.name in _froms(f)]
        if not fitting:
            return None
        frame = self.chance.choice(fitting)
        target, fresh = _target(frame, before.name)
        said = frame.expand(self.filler.fill, self.chance)
        said.segments = roughen(said.segments, self.chance)
        if target not in TOOLS:
            return Gold(words_of(said), *_word(target))
        allowed = {a.name: a for a in TOOLS[target].arguments}
        new = typed(target, {k: v for k, v in arguments_of(said).items() if k in allowed})
        kept = (
            {}
            if fresh
            else {k: v for k, v in before.parameters.items() if k in allowed and _fits(allowed[k].schema, v)}
        )
        parameters = _displace(kept, new) | new
        try:
            check_parameters(TOOLS[target], parameters)
        except TypeError:
            return None
        return Gold(words_of(said), target, parameters)

    def asked(self) -> tuple[list[Turn], Gold] | None:
        """A request with a piece missing, the question back, and the piece: one call of both turns' words."""
        frame = self.chance.choice(self.frames["asked"])
        name, missing = frame.head.split()
        halves = [
            Frame(part.strip(), frame.author).expand(self.filler.fill, self.chance) for part in frame.text.split("=>")
        ]
        for half in halves:
            half.segments = roughen(half.segments, self.chance)
        first, second = (words_of(half) for half in halves)
        begun = typed(name, arguments_of(halves[0]))
        question = Gold(first, *_word(f"clarify:{missing}"))
        if self.chance.random() < 0.25:
            return [], question
        try:
            whole = typed(name, {**begun, **arguments_of(halves[1])})
            check_parameters(TOOLS[name], whole)
        except TypeError:
            return None
        by_code = json.dumps({"name": name, "parameters": begun}, ensure_ascii=False, separators=(",", ":"))
        step = Step(question.call) if self.chance.random() < 0.5 else Step(by_code, "asked")
        return [Turn(first, (step,))], Gold(second, name, whole)

    def headed(self, file: str) -> tuple[str, str]:
        """(label, words) of a clarify, decline or reply frame."""
        frame = self.chance.choice(self.frames[file])
        said = frame.expand(self.filler.fill, self.chance)
        said.segments = roughen(said.segments, self.chance)
        return frame.head, words_of(said)


def _trim_end(said: Said) -> None:
    """Take the closing mark away so that more can follow."""
    if said.segments and not said.segments[-1].slots:
        last = said.segments[-1]
        said.segments[-1] = replace(last, text=last.text.rstrip(" ?.!"))


def _froms(frame: Frame) -> set[str]:
    return {n.strip() for n in frame.head.split("->")[0].split(",")}


def _target(frame: Frame, current: str) -> tuple[str, bool]:
    target = frame.head.split("->")[1].strip()
    fresh = target.endswith("(fresh)")
    target = target.removesuffix("(fresh)").strip()
    return (current if target == "same" else target), fresh


def _fits(schema: dict[str, JsonValue], value: JsonValue) -> bool:
    return (schema["type"] == "array") == isinstance(value, list) and ("enum" not in schema or value in schema["enum"])  # type: ignore[operator]


def _displace(kept: dict[str, JsonValue], new: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """A new place displaces named bins and their like; a new period displaces its old end."""
    gone: set[str] = set()
    if "near" in new:
        gone |= {"bins"} | ({"within_m"} if "within_m" not in new else set())
    if "bins" in new:
        gone |= {"near", "within_m"}
    if "since" in new:
        gone |= {"until"}
    if "trucks" in new:
        gone |= {"truck_count"}
    if "truck_count" in new:
        gone |= {"trucks"}
    return {k: v for k, v in kept.items() if k not in gone}


def typed(name: str, parameters: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Numbers of fixed arguments become numbers, lists become lists; arguments in the registry's order."""
    fixed: dict[str, JsonValue] = {}
    for argument in TOOLS[name].arguments:
        value = parameters.get(argument.name)
        if value is None:
            continue
        if argument.schema["type"] == "integer" and isinstance(value, str):
            value = int(value)
        if argument.schema["type"] == "array" and isinstance(value, str):
            value = [value]
        if value != argument.default:
            fixed[argument.name] = value
    unknown = set(parameters) - {a.name for a in TOOLS[name].arguments}
    if unknown:
        raise KeyError(f"{name} has no {sorted(unknown)}")
    return fixed


def copied(question: str, parameters: dict[str, JsonValue]) -> bool:
    """Every free value is literally in the question (law 5)."""
    words = [v for value in parameters.values() for v in (value if isinstance(value, list) else [value])]
    free = [w for w in words if isinstance(w, str) and "_" not in w and w not in _enum_words()]
    return all(w in question for w in free)


@functools.cache
def _enum_words() -> frozenset[str]:
    """Words of ours that need not be said: enum values, and the words an argument takes besides."""
    own = [w for t in TOOLS.values() for a in t.arguments if a.words for w in a.words.also]
    enums = [str(v) for t in TOOLS.values() for a in t.arguments for v in (a.schema.get("enum") or [])]  # type: ignore[union-attr]
    return frozenset(own + enums)


def _word(label: str) -> tuple[str, dict[str, JsonValue]]:
    """`reply:help` -> the word and its parameters as the embedded model writes them."""
    word, _, detail = label.partition(":")
    if word == "decline":
        return "decline", {"reason": detail}
    return word, {"question" if word == "clarify" else "text": reference(detail)}


def turns(author: Author, kind: str, borrowed: Sequence[dict[str, str]]) -> tuple[list[Turn], Gold] | None:
    """One row's earlier turns and its gold; None when the draw did not work out."""
    chance = author.chance
    if kind == "call":
        return _with_context(author, author.single())
    if kind == "follow":
        return _conversation(author)
    if kind == "after":
        first = author.single()
        past, gold = _with_context(author, first)
        step = Step(gold.call, chance.choice(["ok", "ok", "ok", "none"]))
        return [*past, Turn(gold.question, (step,))], Gold("", *_word("reply:results"))
    if kind == "two":
        return _two(author)
    if kind == "asked":
        return author.asked()
    if kind in {"clarify", "decline"} and (kind == "clarify" or chance.random() < 0.55):
        head, words = author.headed(kind)
        return [], Gold(words, *_word(f"{kind}:{head}"))
    return _borrowed(author, kind, borrowed)


def _with_context(author: Author, gold: Gold) -> tuple[list[Turn], Gold]:
    """Tools that speak of the last plan or forecast get one before them; others sometimes an unrelated turn."""
    needs = LAST_OF.get(gold.name)
    refers = {"plan", "subject", "decision"} & set(gold.parameters)
    if needs and not refers:
        before = author.single(author.chance.choice(sorted(needs - {"what_if"})))
        return [Turn(before.question, (Step(before.call),))], gold
    if author.chance.random() < 0.15:
        before = author.single()
        return [Turn(before.question, (Step(before.call),))], gold
    return [], gold


def _conversation(author: Author) -> tuple[list[Turn], Gold] | None:
    past, gold = _with_context(author, author.single())
    for _ in range(author.chance.choices([1, 2, 3], [0.55, 0.3, 0.15])[0]):
        after = author.follow(gold) if gold.name in TOOLS else None
        if after is None:
            return None
        past = [*past, Turn(gold.question, (Step(gold.call),))]
        gold = after
    return past, gold


def _two(author: Author) -> tuple[list[Turn], Gold]:
    first, second = author.single(), author.single()
    if author.chance.random() < 0.5:
        first = author.single("plan_round")
        second = author.single(author.chance.choice(["propose_dispatch", "explain", "fleet_status"]))
    joint = author.chance.choice(JOINTS)
    question = first.question.rstrip(" ?.!") + joint + second.question
    if author.chance.random() < 0.5:
        return [], Gold(question, first.name, first.parameters)
    return [Turn(question, (Step(first.call),))], Gold("", second.name, second.parameters)


def _borrowed(author: Author, kind: str, borrowed: Sequence[dict[str, str]]) -> tuple[list[Turn], Gold] | None:
    """Declines and replies from own frames and from other people's everyday utterances."""
    if kind == "reply" and author.chance.random() < 0.6:
        head, words = author.headed("reply")
        return _after_what_it_needs(author, head, words)
    line = author.chance.choice([b for b in borrowed if b["label"].startswith(kind)])
    label, _, needs_open = line["label"].partition("+")
    if needs_open:
        return _after_what_it_needs(author, label.partition(":")[2], line["text"])
    return [], Gold(line["text"], *_word(label))


def _after_what_it_needs(author: Author, head: str, words: str) -> tuple[list[Turn], Gold]:
    past: list[Turn] = []
    if head in {"approval", "withdraw"}:
        before = author.single(author.chance.choice(["propose_dispatch", "propose_ticket", "propose_watch"]))
        past = [Turn(before.question, (Step(before.call),))]
    elif head in {"results", "thanks"}:
        before = author.single()
        past = [Turn(before.question, (Step(before.call),))]
    return past, Gold(words, *_word(f"reply:{head}"))


def row(author: Author, past: list[Turn], gold: Gold, kind: str) -> dict[str, str]:
    """The rendered row: the prompt's bytes are those of serving."""
    now = [*past, Turn(gold.question)] if gold.question else past
    setting = Setting(author.city.name, author.chance.choice(ROLES))
    prompt = render("small", setting, now)
    return {"prompt": prompt, "completion": gold.call + END["small"], "kind": kind, "question": gold.question}


def draw(authors: Sequence[Author], borrowed: Sequence[dict[str, str]], count: int) -> Iterator[dict[str, str]]:
    """`count` distinct rows in the shares of MIX."""
    seen: set[str] = set()
    chance = authors[0].chance
    made = 0
    while made < count:
        kind = chance.choices(list(MIX), list(MIX.values()))[0]
        author = chance.choices(authors, [0.7, 0.18, 0.12][: len(authors)])[0]
        drawn = turns(author, kind, borrowed)
        if drawn is None:
            continue
        made_row = row(author, *drawn, kind)
        if made_row["prompt"] in seen or len(made_row["prompt"]) > 1400:
            continue
        seen.add(made_row["prompt"])
        made += 1
        yield made_row


def validation_frame(frame: Frame) -> bool:
    """An eighth of the frames, by hash, is never trained on."""
    return hashlib.sha256(frame.text.encode()).digest()[0] % 8 == 0


def main() -> None:
    """Write the training and the validation rows and print what they hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "rows.jsonl")
    parser.add_argument("--turns", type=int, default=24_000)
    parser.add_argument("--validation", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cities", type=Path, default=ROOT.parent / "cities")
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    borrowed = [json.loads(line) for line in (ROOT / "data" / "clinc150_sample.jsonl").read_text().splitlines()]
    folders = [options.cities / name for name in ("berkeley", "boston", "montevideo")]
    folders = [f for f in folders if (f / "sites.csv").exists()]
    names = [*TOOLS, "followups", "clarify", "decline", "reply", "tails", "asked"]
    frames = {name: read_frames(ROOT / "frames", name) for name in names}
    for part, count, held in (("rows", options.turns, False), ("validation", options.validation, True)):
        chance = random.Random(f"{options.seed}-{part}")
        mine = {n: [f for f in fs if validation_frame(f) == held] for n, fs in frames.items()}
        authors = [Author(read_city(folder, held=held), mine, chance) for folder in folders]
        file = options.out if not held else options.out.with_name("validation.jsonl")
        rows = list(draw(authors, borrowed[held::8] if held else borrowed, count))
        file.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), encoding="utf-8")
        digest = hashlib.sha256(file.read_bytes()).hexdigest()[:12]
        print(f"{file}: {len(rows)} rows, {digest}, {dict(Counter(r['kind'] for r in rows))}")
        print("  frames:", {n: len(fs) for n, fs in mine.items()})


if __name__ == "__main__":
    main()

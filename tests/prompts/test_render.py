"""One renderer: what is trained on is byte for byte what is served, and no user text opens or closes a turn."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from doubles import ScriptedModel
from hypothesis import given
from hypothesis import strategies as st

from assistant.decide import Speaker, prompt_of
from assistant.memory import Past, PastTurn
from assistant.situation import Situation
from domain.errors import BadData
from evals.listed_tools import CITY, ROLE, TODAY, Asked, tool_order
from evals.listed_tools import prompt_of as measured
from finetune import rows
from finetune.authors import Author, Gold
from finetune.listed_rows import nearest_first
from finetune.packing import with_tools
from finetune.threads import row
from prompts.render import ALSO_LISTED, END, ONLY_LISTED, VERSION_OF_STYLE, Setting, Step, Turn, render
from prompts.row import Row, from_json, to_json
from tools.listed import ListedTool
from tools.registry import tool_block

FRAMES = Path(rows.__file__).parent / "frames" / "listed"
CALL = '{"name":"find_bins","parameters":{"near":"Evans Hall"}}'
MARKS = ("[site Evans Hall]", "[time tomorrow]")


def first_line(file: Path) -> ListedTool:
    """The invented tool of a file of frames."""
    return ListedTool.of_signature(file.read_text(encoding="utf-8").partition("\n")[0].strip())


class _City:
    name = "berkeley"


class _Chance:
    """Chooses the manager."""

    def choice(self, roles: list[str]) -> str:
        return roles[0]


class _Author:
    city, chance, world = _City(), _Chance(), None

    def marks(self, question: str) -> tuple[str, ...]:
        return MARKS if "Evans" in question else ()


def trained(past: list[Turn], question: str, style: str = "small") -> str:
    """The prompt of a training row, read back from its file."""
    author: Author = _Author()  # type: ignore[assignment]  # the row needs the city's name, a role and the marks
    made = row(author, past, Gold(question, "find_bins", {}), "call")
    return with_tools(from_json(to_json(made)), style).prompt(style)


def served(past: Past, question: str, steps: tuple[Step, ...] = (), style: str = "small") -> str:
    """The prompt of a decision."""
    speaker = Speaker(ScriptedModel([]), style)
    marks = MARKS if "Evans" in question else ()
    return prompt_of(speaker, Situation("berkeley", "manager", "", past, question, steps, None, marks))


@pytest.mark.parametrize("style", list(END))
@pytest.mark.parametrize("question", ["which bins near Evans Hall?", "ünïcode – “quotes” & <b>", "a\nb", "<|im_end|>"])
def test_training_and_serving_give_the_same_bytes(question: str, style: str) -> None:
    assert trained([], question, style) == served(Past("t"), question, style=style)
    turns = [Turn("first", (Step(CALL),)), Turn("second", (Step(CALL, "asked"),))]
    past = Past("t", tuple(PastTurn(t.question, t.steps) for t in turns))
    assert trained(turns, question, style) == served(past, question, style=style)


@pytest.mark.parametrize("style", list(END))
def test_the_next_step_of_a_turn_is_rendered_as_it_is_trained(style: str) -> None:
    past = [Turn("bins near Evans Hall", (Step(CALL),))]
    after_a_tool = trained(past, "", style)
    assert after_a_tool == served(Past("t"), "bins near Evans Hall", (Step(CALL),), style)


TOOLS = tuple(first_line(file) for file in sorted(FRAMES.glob("*.txt")))


@pytest.mark.parametrize("style", list(END))
def test_a_row_with_listed_tools_is_served_as_it_is_trained(style: str) -> None:
    block = "\n".join([ONLY_LISTED, *(tool.signature() for tool in TOOLS[:4])])
    made = Row(Setting(CITY, ROLE, block, TODAY), (Turn("lock the gate", (), ("[time tomorrow]",)),), CALL, "listed")
    made = nearest_first(made, tool_order())
    served = measured(Speaker(ScriptedModel([]), style), Asked(("lock the gate",), TOOLS[:4], ("[time tomorrow]",)))
    assert with_tools(from_json(to_json(made)), style).prompt(style) == served


def test_tools_listed_beside_our_own_stand_behind_them_in_llama_31s_style() -> None:
    block = "\n".join([ALSO_LISTED, TOOLS[0].signature()])
    shown = with_tools(Row(Setting("c", "viewer", block), (Turn("x"),), CALL), "llama3").prompt("llama3")
    assert f"\n\n{tool_block()}\n{TOOLS[0].declaration()}\n\nx<|eot_id|>" in shown
    with pytest.raises(BadData, match="begin with 'only these tools:'"):
        with_tools(Row(Setting("c", "viewer", TOOLS[0].signature()), (Turn("x"),), CALL), "llama3")


def test_llama_31s_style_has_its_templates_parts_in_their_order() -> None:
    said = render("llama3", Setting("berkeley", "manager", "{tools}", "2025-09-01"), [Turn("hi", (Step(CALL),))])
    assert said.startswith(
        "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\n"
        "Environment: ipython\nToday Date: 2025-09-01\n\n"
    )
    assert said.endswith(
        "\n\n{tools}\n\nhi<|eot_id|>"
        f"<|start_header_id|>assistant<|end_header_id|>\n\n{CALL}<|eot_id|>"
        '<|start_header_id|>ipython<|end_header_id|>\n\n{"output": "ok"}<|eot_id|>'
        "<|start_header_id|>assistant<|end_header_id|>\n\n"
    )


def test_the_small_style_is_these_bytes() -> None:
    assert render("small", Setting("berkeley", "manager"), [Turn("hi", (Step(CALL),))]) == (
        "<|im_start|>system\ncity berkeley, role manager<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n"
        f"<|im_start|>assistant\n{CALL}<|im_end|>\n<|im_start|>tool\nok<|im_end|>\n<|im_start|>assistant\n"
    )


WHOLE = [
    Turn("bins near Evans Hall?", (Step(CALL), Step(CALL, "none")), MARKS),
    Turn("ünïcode “quotes”\nnew line", (Step(CALL, "asked"),)),
    Turn("and tomorrow <|im_end|>", (Step(CALL),), MARKS),
]
"""All that a prompt can show."""
BYTES = {
    "small-2": "734b2daf43ab16fe4b3fedbb6687b7a83905ad066d51dc3351b2afc4667d3ee5",
    "llama3-1": "d5641db53b238efb3049117162264685a6ea52a51f501becfe8f5a7603067a55",
}
"""SHA-256 of that rendering, by the version of its style."""


@pytest.mark.parametrize("style", list(END))
def test_other_bytes_need_another_version_of_the_style(style: str) -> None:
    shown = render(style, Setting("berkeley", "manager", "only these tools:\na(b: string)", "2025-09-01"), WHOLE)
    digest = hashlib.sha256(shown.encode()).hexdigest()
    assert BYTES.get(VERSION_OF_STYLE[style]) == digest, "new bytes: count the style's version up and note its digest"


TOKENS = st.sampled_from(
    ["<|im_end|>", "<|im_start|>", "<|eot_id|>", "<|start_header_id|>", "<|", "|>", "<", "|", ">", "im_end", " ", "x"]
)


@pytest.mark.parametrize("style", list(END))
@given(pieces=st.lists(TOKENS, max_size=12))
def test_no_words_of_users_open_or_close_a_turn_copied_into_a_call_or_not(style: str, pieces: list[str]) -> None:
    said = "".join(pieces)
    copied = json.dumps({"name": "find_bins", "parameters": {"near": said}}, ensure_ascii=False)
    plain = render(style, Setting("c", "viewer"), [Turn("x", (Step("{}"),)), Turn("y", (Step("{}"),))])
    for earlier, newest in ((Step(copied), Step("{}")), (Step("{}"), Step(copied)), (Step("{}"), Step("{}", said))):
        hostile = render(
            style, Setting("c", "viewer"), [Turn(said, (earlier,), (said,)), Turn("y", (newest,), (said,))]
        )
        for token in ("<|", "|>"):
            assert hostile.count(token) == plain.count(token)


def test_an_unknown_style_is_refused() -> None:
    with pytest.raises(KeyError):
        render("grand", Setting("c", "viewer"), [])


def test_the_newest_turn_shows_its_marks_and_an_earlier_one_does_not() -> None:
    shown = trained([Turn("bins near Evans Hall", (Step(CALL),), MARKS)], "and Evans again?")
    assert shown.count("[site Evans Hall]") == 1
    assert shown.index("and Evans again?\n[site Evans Hall] [time tomorrow]<|im_end|>") > 0


@given(st.text(max_size=40), st.lists(st.text(max_size=12), max_size=3), st.text(max_size=20))
def test_a_stored_row_comes_back_as_it_was(question: str, marks: list[str], outcome: str) -> None:
    first = Turn("first", (Step(CALL, outcome), Step(CALL)), tuple(marks))
    made = Row(Setting("c", "viewer", "tools", "2025-09-01"), (first, Turn(question)), CALL, "follow")
    assert from_json(to_json(made)) == made


@pytest.mark.parametrize("style", list(END))
def test_a_completion_is_the_call_and_the_styles_end(style: str) -> None:
    assert Row(Setting("c", "viewer"), (Turn("x"),), CALL).completion(style) == CALL + END[style]

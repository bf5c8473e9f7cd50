"""Cases with tools of their own: read with the line of every fault, and right when the call is equal."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from doubles import ScriptedModel, WeighingScript

from assistant.decide import Speaker
from domain.errors import BadData, ModelUnavailable
from domain.values import Call
from evals.new_tools import Marked, baselines, figures, measure, mistakes, read_new_tools
from evals.provenance import READER, SHIPPED
from tools.listed import ListedTool, listed_schema
from tools.listed_reader import ListedReader, load_listed_reader
from tools.spans import Spans

CASES = Path(__file__).parent.parent.parent / "evals" / "cases" / "new_tools_dev.jsonl"
TEXT = {"type": "string"}
DECLINED = Call("decline", {"reason": "out_of_scope"})
LOCK: dict[str, Any] = {
    "name": "lock_gate",
    "description": "Lock a gate of the yard.",
    "parameters": {
        "properties": {
            "gate": TEXT,
            "from": TEXT,
            "hours": {"type": "integer"},
            "alarm": {"type": "boolean"},
            "keys": {"type": "array", "items": TEXT},
        },
        "required": ["gate"],
    },
}
DATED: dict[str, Any] = {"name": "x", "parameters": {"properties": {"a": {"type": "date"}}}}
ASK: dict[str, Any] = {"id": "n1", "tools": [LOCK], "user": "Lock the north gate at six for 2 hours"}
WANTED = {"name": "lock_gate", "parameters": {"gate": "the north gate", "from": "six", "hours": 2}}


def file_of(folder: Path, *cases: Any) -> Path:
    """A file of cases; a text is a line as it stands."""
    file = folder / "cases.jsonl"
    file.write_text("".join((c if isinstance(c, str) else json.dumps(c)) + "\n" for c in cases), "utf-8")
    return file


def marked(folder: Path, call: Call | None, **case: Any) -> Marked:
    """One case with its answer."""
    (read,) = read_new_tools(file_of(folder, {**ASK, **case}))
    return Marked(read, call)


def lock(**parameters: Any) -> Call:
    """A call of the tool."""
    return Call("lock_gate", parameters)


# ---------------------------------------------------------------- reading


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{", "the line"),
        ("[]", "the line"),
        ({"id": "x", "user": "y"}, "tools"),
        ({**ASK, "say": "reply", "tools": [{"description": "x"}]}, "a tool needs a name"),
        ({**ASK, "say": "reply", "tools": [DATED]}, "tool x: no type"),
        ({**ASK, "expct": []}, "expct"),
        ({**ASK, "expect": [{"parameters": {}}]}, "expect.0.name"),
        (ASK, "the line: either `expect` or `say`"),
        ({**ASK, "expect": [{"name": "lock_gat"}]}, "there is no tool lock_gat"),
        ({**ASK, "expect": [{"name": "lock_gate", "parameters": {"gait": "x"}}]}, "lock_gate has no parameter gait"),
    ],
)  # fmt: skip
def test_a_bad_line_is_named_with_file_line_and_fault(tmp_path: Path, line: Any, told: str) -> None:
    with pytest.raises(BadData, match=rf"cases\.jsonl, line 2: {told}"):
        read_new_tools(file_of(tmp_path, {**ASK, "say": "clarify"}, line))


def test_a_file_without_cases_is_bad_data(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="holds no cases"):
        read_new_tools(file_of(tmp_path, ""))
    with pytest.raises(BadData, match="cannot be read"):
        read_new_tools(tmp_path / "nowhere.jsonl")


def test_every_shipped_call_can_be_decoded_from_the_words_of_its_question() -> None:
    for case in read_new_tools(CASES):
        schema = listed_schema(case.tools, Spans.of([case.turn.user]))
        for choice in case.turn.choices():
            for wanted in choice.expect or []:
                call = {"name": wanted.name, "parameters": wanted.parameters}
                assert jsonschema.Draft202012Validator(schema).is_valid(call), case.id


# ---------------------------------------------------------------- when an answer is right


@pytest.mark.parametrize(
    "parameters",
    [
        {"gate": "the north gate", "from": "six", "hours": 2},
        {"hours": 2, "from": "Six", "gate": "The  North gate"},
    ],
)
def test_an_equal_call_is_right_whatever_its_case_space_and_order(tmp_path: Path, parameters: Any) -> None:
    assert marked(tmp_path, lock(**parameters), expect=[WANTED]).right


@pytest.mark.parametrize(
    "parameters",
    [
        {"gate": "north gate", "from": "six", "hours": 2},
        {"gate": "the north gate", "from": "six"},
        {"gate": "the north gate", "from": "six", "hours": 2, "alarm": True},
        {"gate": "the north gate", "from": "six", "hours": "2"},
    ],
)
def test_a_call_with_another_value_or_parameter_is_wrong(tmp_path: Path, parameters: Any) -> None:
    assert not marked(tmp_path, lock(**parameters), expect=[WANTED]).right


def test_true_is_not_one(tmp_path: Path) -> None:
    wanted = {"name": "lock_gate", "parameters": {"gate": "g", "alarm": True}}
    assert marked(tmp_path, lock(gate="g", alarm=True), expect=[wanted]).right
    assert not marked(tmp_path, lock(gate="g", alarm=1), expect=[wanted]).right


def test_lists_are_equal_in_their_order(tmp_path: Path) -> None:
    wanted = {"name": "lock_gate", "parameters": {"gate": "g", "keys": ["A", "b"]}}
    assert marked(tmp_path, lock(gate="g", keys=["a", "B"]), expect=[wanted]).right
    assert not marked(tmp_path, lock(gate="g", keys=["b", "a"]), expect=[wanted]).right


def test_words_right_forgives_an_article_and_no_other_word(tmp_path: Path) -> None:
    assert marked(tmp_path, lock(gate="north gate", hours=2, **{"from": "six"}), expect=[WANTED]).words_right
    assert not marked(tmp_path, lock(gate="gate", hours=2, **{"from": "six"}), expect=[WANTED]).words_right
    assert not marked(tmp_path, lock(gate="north gate", hours=2), expect=[WANTED]).words_right


def test_a_word_is_right_by_its_kind_and_reason(tmp_path: Path) -> None:
    refused = Call("decline", {"reason": "out_of_scope"})
    assert marked(tmp_path, refused, say="decline:out_of_scope").right
    assert marked(tmp_path, refused, say="decline").right
    assert not marked(tmp_path, refused, say="decline:unsafe").right
    assert not marked(tmp_path, refused, say="clarify").right
    assert not marked(tmp_path, None, say="clarify").right


def test_any_of_the_right_choices_will_do(tmp_path: Path) -> None:
    asked = Call("clarify", {"question": "{{what}}"})
    assert marked(tmp_path, asked, expect=[WANTED], any_of=[{"say": "clarify"}]).right


# ---------------------------------------------------------------- measuring


def test_the_figures_are_shares_by_kind_with_naive_answers_beside_them(tmp_path: Path) -> None:
    declined = {"id": "n2", "tools": [LOCK], "user": "sing", "say": "decline:out_of_scope"}
    unclear = {"id": "n3", "tools": [LOCK], "user": "lock it", "say": "clarify"}
    cases = read_new_tools(file_of(tmp_path, {**ASK, "expect": [WANTED]}, declined, unclear))
    model = ScriptedModel([WANTED, {"name": "lock_gate", "parameters": {"gate": "sing"}}, ModelUnavailable("gone")])
    found: Any = figures(done := asyncio.run(measure(Speaker(model), cases)))
    assert (found["right"], found["call_exact"], found["ask_back"]) == (0.3333, 1.0, 0.0)
    assert (found["abstention"], found["tool_hallucination"], found["unanswered"]) == (0.0, 0.5, 1)
    assert found["by_kind"]["decline"] == {"right": 0.0, "cases": 1}
    naive: Any = baselines(cases)
    assert (naive["no_call"]["abstention"], naive["no_call"]["call_exact"]) == (1.0, 0.0)
    assert (naive["first_tool"]["tool_right"], naive["first_tool"]["tool_hallucination"]) == (1.0, 1.0)
    assert [(each["id"], each["called"] is None) for each in mistakes(done)] == [("n2", False), ("n3", True)]


def test_what_code_recognises_is_shown_with_the_question(tmp_path: Path) -> None:
    model = ScriptedModel([WANTED])
    cases = read_new_tools(file_of(tmp_path, {**ASK, "expect": [WANTED]}))
    asyncio.run(measure(Speaker(model), cases, lambda question: ("[time six]",) if "six" in question else ()))
    assert "for 2 hours\n[time six]<|im_end|>" in model.prompts[0]
    assert (
        "lock_gate(gate: string, from?: string, hours?: integer, alarm?: boolean, keys?: list) - " in model.prompts[0]
    )


# ---------------------------------------------------------------- a tool is weighed before it is called

PRICE: dict[str, Any] = {
    "name": "paper_price",
    "description": "What paper sells for.",
    "parameters": {"properties": {}},
}


def weighed(
    folder: Path, question: str, weights: dict[str, float], *answers: str
) -> tuple[Call | None, WeighingScript]:
    """What comes of the question with those weights and answers, and the model that was asked."""
    model = WeighingScript(answers, weights)
    cases = read_new_tools(file_of(folder, {**ASK, "user": question, "tools": [PRICE, LOCK], "expect": [WANTED]}))
    (made,) = asyncio.run(measure(Speaker(model), cases))
    return made.call, model


def test_the_chosen_tool_alone_is_offered(tmp_path: Path) -> None:
    likely = {"lock_gate": -2.0, "paper_price": -4.0, "decline": -1.5}
    call, model = weighed(tmp_path, "Lock the north gate of the yard", likely, lock(gate="the north gate").text())
    assert call == lock(gate="the north gate")
    assert model.asked == [("lock_gate", "paper_price", "decline")]
    assert "paper_price" not in json.dumps(model.schemas[0])
    assert "decline" not in json.dumps(model.schemas[0])


def test_only_words_are_offered_where_no_tool_is_near_or_likely(tmp_path: Path) -> None:
    likely = {"lock_gate": -9.0, "paper_price": -9.0, "decline": -0.1}
    no = Call("decline", {"reason": "out_of_scope"})
    call, model = weighed(tmp_path, "Who won the election?", likely, no.text())
    assert call == no
    assert "lock_gate" not in json.dumps(model.schemas[0])


def test_what_a_chosen_tool_needs_and_nobody_said_is_asked_for(tmp_path: Path) -> None:
    likely = {"lock_gate": -0.1, "paper_price": -9.0, "decline": -5.0}
    call, _ = weighed(tmp_path, "Lock a gate of the yard", likely, lock(gate="a gate").text())
    assert call is not None
    assert call.name == "clarify"
    tool = {"name": "book", "description": "Lock a gate of the yard.", "parameters": {
        "properties": {"hours": {"type": "integer"}}, "required": ["hours"]}}  # fmt: skip
    cases = read_new_tools(
        file_of(tmp_path, {**ASK, "user": "Lock a gate", "tools": [tool], "say": "clarify", "expect": None})
    )
    (made,) = asyncio.run(measure(Speaker(WeighingScript([], {"book": -0.1, "decline": -5.0})), cases))
    assert made.right


# ---------------------------------------------------------------- with the reader of listed tools

SAID = "Lock the north gate of the yard at six for 2 hours"


@pytest.fixture(scope="module")
def reader() -> ListedReader:
    return load_listed_reader(SHIPPED.with_name(READER))


def read_by(
    reader: ListedReader, folder: Path, tools: list[Any], weights: dict[str, float], *answers: str, user: str = SAID
) -> tuple[Call | None, WeighingScript]:
    """What comes of a question that the reader reads too, and the model that was asked."""
    model = WeighingScript(answers, {"decline": -3.0, **weights})
    case = {"id": "r1", "user": user, "tools": tools, "say": "clarify"}
    (made,) = asyncio.run(measure(Speaker(model), read_new_tools(file_of(folder, case)), None, reader))
    return made.call, model


def test_the_reader_fills_what_it_reads_and_the_model_is_not_asked_to(reader: ListedReader, tmp_path: Path) -> None:
    call, model = read_by(reader, tmp_path, [PRICE, LOCK], {"lock_gate": -2.0, "paper_price": -2.0})
    assert call is not None
    assert call.name == "lock_gate"
    assert call.parameters["gate"] in ("the north gate", "the north gate of the yard", "north gate")
    assert call.parameters["hours"] == 2
    assert model.asked == [("lock_gate", "paper_price", "decline")]
    assert model.schemas == []


def test_the_model_has_a_say_in_which_tool_it_is(reader: ListedReader, tmp_path: Path) -> None:
    call, _ = read_by(reader, tmp_path, [PRICE, LOCK], {"lock_gate": -60.0, "paper_price": -40.0}, DECLINED.text())
    assert call == DECLINED


def test_what_the_reader_does_not_read_the_model_writes_beside_what_is_fixed(
    reader: ListedReader, tmp_path: Path
) -> None:
    properties = {**LOCK["parameters"]["properties"], "codes": {"type": "array", "items": {"type": "integer"}}}
    coded = {**LOCK, "parameters": {"properties": properties, "required": ["gate"]}}
    alone, _ = read_by(reader, tmp_path, [LOCK], {"lock_gate": -0.1})
    assert alone is not None
    written = Call("lock_gate", {**alone.parameters, "codes": [2]})
    call, model = read_by(reader, tmp_path, [coded], {"lock_gate": -0.1}, written.text())
    assert call == written
    (form,) = model.schemas[0]["anyOf"]
    parameters = form["properties"]["parameters"]
    assert parameters["properties"]["gate"] == {"const": alone.parameters["gate"]}
    assert parameters["properties"].keys() == {*alone.parameters, "codes"}
    assert set(parameters["required"]) == alone.parameters.keys()


def test_what_the_reader_found_is_not_asked_for_again(reader: ListedReader, tmp_path: Path) -> None:
    properties = {"badge_no": TEXT, "codes": {"type": "array", "items": {"type": "integer"}}}
    tool = {
        "name": "lock_badge",
        "description": "Locks a badge.",
        "parameters": {"properties": properties, "required": ["badge_no"]},
    }
    (found,) = [m for m in reader.slots("lock badge ABC please", ListedTool.read(tool))["badge_no"].values[:1]]
    written = Call("lock_badge", {"badge_no": found.value})
    call, _ = read_by(reader, tmp_path, [tool], {"lock_badge": -0.1}, written.text(), user="lock badge ABC please")
    assert call == written


def test_of_a_talk_and_of_a_long_message_the_model_writes_the_call(reader: ListedReader, tmp_path: Path) -> None:
    said = "and the dog of my neighbour " * 40 + "so lock the north gate"
    written = lock(gate="the north gate")
    call, model = read_by(reader, tmp_path, [LOCK], {"lock_gate": -0.1}, written.text(), user=said)
    assert call == written
    assert model.schemas


def test_a_piece_that_is_missing_is_asked_for(reader: ListedReader, tmp_path: Path) -> None:
    tools = [
        {**LOCK, "parameters": {"properties": {"gate": TEXT, "hours": {"type": "integer"}}, "required": ["hours"]}}
    ]
    call, _ = read_by(reader, tmp_path, tools, {"lock_gate": -0.1}, user="Lock the north gate of the yard")
    assert call is not None
    assert call.name == "clarify"

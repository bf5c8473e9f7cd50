"""The suite `conversations`: what its figures count, on the small city with a scripted model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from doubles import ScriptedModel, model_server, says
from pydantic import JsonValue

from assistant.answer import Limits
from assistant.decide import Speaker
from domain.errors import BadData, ModelUnavailable
from evals.__main__ import main
from evals.bench import Bench, bench
from evals.cases_file import Case
from evals.conversations import Plan, measure, mistakes, run_case
from evals.synthetic import minus, read_synthetic
from prompts.render import Setting, Step, Turn
from prompts.row import Row, to_json

SMALL_CITY = Path(__file__).parent.parent / "small_city"
Said = str | Mapping[str, JsonValue] | Exception


@pytest.fixture(scope="module")
def where(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """The small city, loaded."""
    cities = tmp_path_factory.mktemp("cities")
    (cities / "smalltown").symlink_to(SMALL_CITY)
    with bench(cities) as made:
        yield made


def call(name: str, **parameters: JsonValue) -> dict[str, JsonValue]:
    return {"name": name, "parameters": parameters}


FIND, REPLY = call("find_bins", near="Town Hall"), call("reply", text="{{results}}")
ONLY = call("find_bins", near="Town Hall", stream="compost")


def case(*turns: dict[str, JsonValue]) -> Case:
    said = {"id": "c", "city": "smalltown", "now": "2025-09-01T08:00", "role": "manager", "tags": ["t"]}
    return Case.model_validate({**said, "turns": list(turns)})


TURN: dict[str, JsonValue] = {"user": "bins near Town Hall", "expect": [FIND]}
SINGLE = case(TURN)
OFF = case({"user": "write me a poem", "say": "decline:out_of_scope"})
VAGUE = case({"user": "a ticket please", "say": "clarify"})
LONGER = case(TURN, {"user": "only compost", "expect": [ONLY]})


def speaker(*answers: Said) -> Speaker:
    return Speaker(ScriptedModel(answers), free_words=True, copying=False)


async def figures(where: Bench, cases: list[Case], *answers: Said, runs: int = 1) -> dict[str, JsonValue]:
    return await measure(where, speaker(*answers), cases, Plan(runs))


async def test_a_turn_is_right_by_its_calls_and_a_refusal_by_its_reason(where: Bench) -> None:
    refused = call("decline", reason="out_of_scope")
    found = await figures(where, [SINGLE, SINGLE, OFF], FIND, REPLY, ONLY, REPLY, refused)
    assert (found["single_exact"], found["single_call_exact"], found["tool_right"]) == (0.6667, 0.5, 1.0)
    assert found["by_tool"] == {
        "find_bins": {"right": 0.5, "turns": 2}, "say decline:out_of_scope": {"right": 1.0, "turns": 1},
    }  # fmt: skip
    assert found["by_kind"] == {
        "decline:out_of_scope": {"right": 1.0, "turns": 1}, "one call": {"right": 0.5, "turns": 2},
    }  # fmt: skip
    assert found["by_tag"] == {"t": {"right": 0.667, "turns": 3}}


async def test_a_call_where_none_fits_is_a_hallucination_and_a_question_is_not(where: Bench) -> None:
    found = await figures(where, [OFF, VAGUE], FIND, REPLY, call("clarify", question="Which bin?"))
    assert (found["abstention"], found["tool_hallucination"], found["ask_back"]) == (0.0, 0.5, 1.0)


async def test_words_after_a_call_that_ran_are_wrong_where_no_call_is_wanted(where: Bench) -> None:
    thanks = case({"user": "thanks, that is all", "say": "reply"})
    found = await figures(where, [thanks, thanks, VAGUE], REPLY, FIND, REPLY, FIND, call("clarify", question="Which?"))
    assert found["by_kind"] == {"clarify": {"right": 0.0, "turns": 1}, "reply": {"right": 0.5, "turns": 2}}
    assert (found["abstention"], found["tool_hallucination"], found["ask_back"]) == (0.5, 0.6667, 0.0)


async def test_a_dead_model_is_a_wrong_turn_and_not_a_crash(where: Bench) -> None:
    found = await figures(where, [SINGLE], ModelUnavailable("It died."))
    assert found["single_exact"] == 0.0


async def test_a_model_that_died_has_not_replied(where: Bench) -> None:
    thanks = case({"user": "thanks, that is all", "say": "reply"})
    found = await figures(where, [thanks], ModelUnavailable("It died."))
    assert found["single_exact"] == 0.0


async def test_a_turn_ends_where_the_products_own_loop_ends_it(where: Bench) -> None:
    different = [call("find_bins", limit=number) for number in range(1, 12)]
    model = ScriptedModel(different)
    (turn,) = await run_case(where, Speaker(model, copying=False), SINGLE)
    assert len(turn.made.calls) == len(model.prompts) == Limits().max_steps
    assert len(turn.seconds) == len(model.prompts)
    (again,) = await run_case(where, speaker(FIND, FIND), SINGLE)
    assert again.right


async def test_a_typed_command_is_run_without_asking_the_model(where: Bench) -> None:
    typed = case({"user": "find_bins near='Town Hall'", "expect": [FIND]})
    found = await figures(where, [typed])
    assert (found["single_exact"], found["turn_p50_s"]) == (1.0, None)


async def test_a_later_turn_leans_on_what_was_expected_of_the_earlier_one(where: Bench) -> None:
    model = ScriptedModel([call("fleet_status"), REPLY, ONLY, REPLY])
    turns = await run_case(where, Speaker(model, copying=False), LONGER)
    assert [turn.right for turn in turns] == [False, True]
    assert '"name":"find_bins"' in model.prompts[2]
    assert "fleet_status" not in model.prompts[2]
    (wrong,) = mistakes([turns])
    assert wrong["calls"] == [call("fleet_status")]


async def test_four_noisy_runs_are_passed_only_by_what_is_right_in_all_of_them(where: Bench) -> None:
    right, wrong = [FIND, REPLY, ONLY, REPLY], [FIND, REPLY, FIND, REPLY]
    steady = await figures(where, [LONGER, SINGLE], *right, FIND, REPLY, *right * 4, runs=4)
    assert (steady["multi_pass1"], steady["multi_pass4"]) == (1.0, 1.0)
    shaky = await figures(where, [LONGER], *right * 4, *wrong, runs=4)
    assert (shaky["multi_pass1"], shaky["multi_pass4"], shaky["multi_turn_exact"]) == (1.0, 0.0, 1.0)


async def test_each_of_the_four_runs_has_noise_of_its_own(where: Bench) -> None:
    model = ScriptedModel([FIND, REPLY, ONLY, REPLY] * 5)
    words = "could somebody please show everything around Town Hall"
    longer = case({**TURN, "user": words}, {"user": "only compost", "expect": [ONLY]})
    await measure(where, Speaker(model, copying=False), [longer], Plan(4))
    plain, *noisy = (prompt.partition("<|im_start|>user\n")[2].partition("\n")[0] for prompt in model.prompts[::4])
    assert plain == words
    assert len({plain, *noisy}) == 5


async def test_a_figure_of_the_models_own_counts_without_the_check_and_is_not_shown(where: Bench) -> None:
    made_up = call("reply", text="There are 12345 of them, see {{1.bins_found}}.")
    found = await figures(where, [SINGLE, SINGLE], FIND, made_up, FIND, REPLY)
    assert (found["unsupported_numbers"], found["unsupported_unchecked"]) == (0, 1)
    asked = await figures(where, [VAGUE], call("clarify", question="Bin 777?", choices=["888", "Town Hall"]))
    assert (asked["unsupported_numbers"], asked["unsupported_unchecked"]) == (0, 2)


# ---------------------------------------------------------------- derived questions beside those of people


def a_row(question: str, said: dict[str, JsonValue], kind: str = "call", *, tools: str = "", past: int = 0) -> str:
    earlier = tuple(Turn("before", (Step("{}"),)) for _ in range(past))
    return to_json(Row(Setting("smalltown", "manager", tools), (*earlier, Turn(question)), json.dumps(said), kind))


async def test_validation_rows_are_measured_as_cases_are(where: Bench, tmp_path: Path) -> None:
    file = tmp_path / "validation.jsonl"
    lines = [
        a_row("bins near Town Hall", FIND), a_row("a poem", call("decline", reason="out_of_scope"), "decline"),
        a_row("only compost", ONLY, "follow", past=1), a_row("x", call("made_up"), "listed", tools="only these tools:"),
        a_row("one. and two", FIND, "two"),
    ]  # fmt: skip
    file.write_text("\n".join(lines))
    cases = read_synthetic(file, lambda _city: "2025-09-01T08:00")
    assert [(each.turns[0].user, each.tags) for each in cases] == [
        ("bins near Town Hall", ["call"]), ("a poem", ["decline"]),
    ]  # fmt: skip
    found = await figures(where, cases, FIND, REPLY, call("decline", reason="out_of_scope"))
    assert found["single_exact"] == 1.0
    assert minus(found["single_call_exact"], 0.75) == 0.25
    assert minus(None, 0.75) is None


def test_the_untuned_model_of_a_server_and_validation_rows_stand_beside_its_tuned_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    human = {**json.loads(SINGLE.model_dump_json(exclude_defaults=True)), "city": "berkeley"}
    (tmp_path / "cases.jsonl").write_text(json.dumps(human))
    row = Row(Setting("berkeley", "manager"), (Turn("all about Town Hall"),), json.dumps(FIND), "call")
    (tmp_path / "rows.jsonl").write_text(to_json(row))
    wrong, right = says(json.dumps(call("fleet_status"))), says(json.dumps(FIND))
    out = tmp_path / "out.json"
    with model_server(wrong, wrong, wrong, wrong, right) as server:
        words = f"conversations --data {tmp_path}/cases.jsonl --engine {server.url} --stock plain --runs 1"
        assert main([*words.split(), "--synthetic", f"{tmp_path}/rows.jsonl", "--json", str(out)]) == 0
    assert [body["model"] for body in server.bodies] == ["plain"] * 2 + ["roundsman"] * 3
    report = json.loads(out.read_text())
    assert (report["figures"]["single_exact"], report["baselines"]["stock"]["single_exact"]) == (0.0, 0.0)
    assert report["baselines"]["synthetic"]["single_exact"] == report["figures"]["synthetic_minus_human"] == 1.0
    assert "synthetic_minus_human" in capsys.readouterr().out


@pytest.mark.parametrize("content", ["", "{}", "no row", '{"call": 1}'])
def test_a_file_without_rows_is_named(content: str, tmp_path: Path) -> None:
    file = tmp_path / "validation.jsonl"
    file.write_text(content)
    with pytest.raises(BadData, match=r"validation\.jsonl"):
        read_synthetic(file, str)

"""Each suite takes its own options and refuses those of the others; bad data is told in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from evals.__main__ import SUITES, main
from evals.options import SUITES as DECLARED
from evals.options import read


def test_every_suite_has_its_options_declared() -> None:
    assert set(SUITES) == set(DECLARED)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["ledger", "--peers"], "ledger does not take --peers"),
        (["operations", "--data", "x", "--peers"], "operations does not take --peers"),
        (["routing", "--data", "x", "--weeks", "8"], "routing does not take --weeks 8"),
        (["operations", "--weeks", "two"], "invalid int value: 'two'"),
        (["operations", "--test-from", "soon"], "invalid day value: 'soon'"),
        (["rooting"], "invalid choice"),
        ([], "required: SUITE"),
    ],
)
def test_what_a_suite_does_not_take_is_refused(words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        read(words)
    assert ended.value.code == 2
    assert says in capsys.readouterr().err


def test_the_untuned_model_of_a_server_has_a_name_there() -> None:
    assert read(["conversations"]).stock is None
    assert read(["conversations", "--stock"]).stock == "base"
    assert read(["conversations", "--stock", "plain"]).stock == "plain"


def test_a_suite_has_its_own_defaults() -> None:
    assert read(["operations"]).seeds == 10
    assert read(["routing"]).seeds == 1


@pytest.mark.parametrize("suite", ["operations", "routing"])
def test_missing_data_ends_with_two_and_one_line(
    suite: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in ([suite], [suite, "--data", str(tmp_path / "nowhere")]):
        assert main(words) == 2
        said = capsys.readouterr().err.strip()
        assert said
        assert "\n" not in said

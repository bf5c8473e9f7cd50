"""The words of the rows: which are kept, which only noise made, what the file then mends."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

from domain.values import Call
from finetune.words import COMMON, RARE, counted, known
from prompts.render import Setting, Step, Turn
from prompts.row import Row, to_json
from tools.slips import load_spelling

ROOT = Path(__file__).parents[2]
SETTING = Setting("berkeley", "manager")
BINS = Call("find_bins", {"near": "Elm Court", "bins": ["Oak"]}).text()


def test_words_count_once_a_row_outside_of_what_calls_copy_and_of_marks() -> None:
    earlier = Turn("Where is Oak?", (Step(BINS),))
    now = Turn("bins bins near Elm Court, not Soda Hall", marks=("[site Soda Hall]",))
    assert counted([Row(SETTING, (earlier, now), BINS)]) == dict.fromkeys(["where", "is", "bins", "near", "not"], 1)


def test_what_noise_made_is_no_word_and_neighbours_in_the_dictionary_are() -> None:
    counts = Counter({"fleet": COMMON, "tonite": COMMON, "teh": COMMON - 1, "sweep": RARE, "odd": RARE - 1})
    found = known(counts, {"fleet", "feet", "sweep", "odd", "zebra", "sleep"})
    assert found == {"fleet": COMMON, "tonite": COMMON, "sweep": RARE, "feet": 0, "sleep": 0}


def test_a_file_is_made_of_rows_and_read_back(tmp_path: Path) -> None:
    rows, out = tmp_path / "rows.jsonl", tmp_path / "words.txt"
    said = Row(SETTING, (Turn("where is the fleet"),), Call("fleet_status", {}).text())
    listed = Row(Setting("berkeley", "manager", "only these tools:\nx() - X."), (Turn("juggle"),), BINS)
    rows.write_text((to_json(said) + "\n" + to_json(listed) + "\n") * RARE)
    words = [sys.executable, "-m", "finetune.words", "--rows", str(rows), "--out", str(out)]
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
    spelling = load_spelling(out)
    assert {word for word, count in spelling.counts.items() if count} == {"where", "is", "the", "fleet"}
    assert (spelling.word("felet"), spelling.word("feet"), spelling.word("juglge")) == ("fleet", "feet", "juglge")
    out.unlink()
    for content, why in (("", "no rows"), ("{}\n", "not a row")):
        rows.write_text(content)
        refused = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
        assert (refused.returncode, why in refused.stderr, out.exists()) == (2, True, False)

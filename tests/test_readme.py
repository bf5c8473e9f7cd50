"""The README's conversation is what the program says: the same questions, the real records, the shipped adapter."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

import app
from assistant.ports import Decision, Inquiry
from domain.settings import Settings
from domain.values import Actor, Role

README = Path(__file__).parent.parent / "README.md"
ASKED = re.compile(
    r'^    \$ \.venv/bin/roundsman ask "(?P<question>[^"]+)" --thread demo\n(?P<shown>(?:    .*\n)+)', re.M
)
MANAGER = Actor("manager at the terminal", Role.manager)


def shown_start(block: str) -> str:
    """The first paragraph of an output block, up to where the README cuts it."""
    words = " ".join(block.split())
    return re.split(r" \.\.\.| \[a table| Why | \$ ", words)[0].strip()


def conversation() -> list[tuple[str, str]]:
    """Questions of the README with the beginnings of their answers."""
    return [(m["question"], shown_start(m["shown"])) for m in ASKED.finditer(README.read_text(encoding="utf-8"))]


@pytest.mark.model
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_readmes_conversation_is_what_the_program_says(tmp_path: Path) -> None:
    parts = app.build(Settings(home=tmp_path))
    try:
        asyncio.run(_hold(parts.asks, conversation()))
        card = parts.decides.open_cards("demo")[0]
        said = parts.decides.decide(Decision(card.proposal_id, "approve", MANAGER, card.content_hash))
        assert said.sentence in README.read_text(encoding="utf-8")
    finally:
        parts.close()


async def _hold(asks: object, turns: list[tuple[str, str]]) -> None:
    assert len(turns) >= 4
    for question, start in turns:
        answer = await asks.ask(Inquiry(question, MANAGER, thread="demo"))  # type: ignore[attr-defined]
        text = " ".join(answer.text.split())
        assert text.startswith(start), f"README says of {question!r}: {start}\nthe program says: {text[:400]}"

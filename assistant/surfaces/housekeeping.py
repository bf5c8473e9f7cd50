"""Requests that chat clients send on their own: a title, tags or follow-up questions for a conversation.

The rule, and there is no other: the last message is such a request when its text begins with `### Task:` (Open WebUI
and its forks), or when it matches `ASKS_FOR_TITLE` (LibreChat and others). It is answered from the text alone: no
tool, no model, no record. A dispatcher who begins a question like that gets a title; nothing else can go wrong.
"""

from __future__ import annotations

import json
import re

TASK = "### Task:"
ASKS_FOR_TITLE = re.compile(r"(provide|generate|create|write) an? (concise|short|brief)\b.{0,80}\btitle\b", re.I | re.S)
HISTORY = re.compile(r"<chat_history>(.*?)</chat_history>", re.S)
TITLE_WORDS = 6
FALLBACK = "Waste-collection rounds"


def answer_housekeeping(text: str, earlier: str = "") -> str | None:
    """The reply to a client's own request, or None for a person's question. `earlier` is the first user message."""
    asked = text.lstrip()
    if asked.startswith(TASK):
        return _task(asked)
    if ASKS_FOR_TITLE.match(asked):
        return _title(earlier)
    return None


def _task(asked: str) -> str:
    wanted = asked[: asked.find("<chat_history>")] if "<chat_history>" in asked else asked
    for word in ("tags", "follow_ups", "queries"):
        if f'"{word}"' in wanted:
            return json.dumps({word: []})
    if '"title"' in wanted or "title" in wanted[:400].casefold():
        found = HISTORY.search(asked)
        return json.dumps({"title": _title(found.group(1) if found else "")}, ensure_ascii=False)
    return json.dumps({"text": ""})


def _title(history: str) -> str:
    first = next((line for line in history.splitlines() if line.strip()), "")
    said = re.sub(r"^\s*(user|human)\s*:\s*", "", first, flags=re.I).split()
    return " ".join(said[:TITLE_WORDS]).strip(" ?!.,;:#*") or FALLBACK

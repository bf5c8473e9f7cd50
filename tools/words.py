"""The three words the model can say instead of calling a tool, and the texts that code owns for them.

The embedded model replies by reference: `{{help}}` stands for a text below, `{{results}}` for the rendering of this
turn's results. A larger model may write its own words around such references; numbers only ever come from results.
"""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import JsonValue

WORDS = ("reply", "clarify", "decline")
DeclineReason = Literal["out_of_scope", "not_permitted", "unsafe"]
DECLINE_REASONS: tuple[str, ...] = get_args(DeclineReason)

REPLIES: dict[str, str] = {
    "greeting": (
        "Hello. Ask me about bins, forecasts, rounds, records or the fleet; I can also propose rounds, tickets and "
        "alerts."
    ),
    "thanks": "You are welcome.",
    "help": (
        "I can find bins and forecast their fill, plan a round and vary it, say why a bin is or is not on it, show "
        "what was collected, search requests and the handbook, report on the operation, and show the fleet, the "
        "models and the record of decisions. I can propose a dispatch, a ticket or an alert; a person approves it "
        "before anything happens."
    ),
    "results": "",
    "approval": "Please use the approval control on the proposal's card: typed words do not approve anything.",
    "withdraw": "You can withdraw the proposal on its card; nothing happens unless somebody approves it.",
}
"""Texts behind reply references. `results` is filled with the deterministic rendering of this turn's results."""

NOTICES: dict[str, str] = {
    "unavailable": (
        "The language model is not available just now. Write a tool's name and arguments instead, for example: "
        "forecast_fill near='Sather Gate' by='tomorrow noon'."
    ),
}
"""Texts that only code refers to."""

QUESTIONS: dict[str, str] = {
    "bin": "Which bin is it? Give its number, or its site and stream.",
    "image": "Which picture? Upload it or give its file name.",
    "plan": "Which plan? Ask me to plan a round first, or give a plan's id.",
    "place": "Which place do you mean?",
    "time": "Which day or time do you mean?",
    "condition": "What should I watch for?",
    "note": "What is wrong there?",
    "kind": "Is it a repair, a missed collection or a complaint?",
    "what": "What would you like to know or do?",
}
"""Questions by the missing piece: the embedded model asks `{{bin}}`, a larger one may use its own words."""

DECLINES: dict[str, str] = {
    "out_of_scope": (
        "That is outside what I do. I can answer about bins and their fill, rounds and trucks, records and the "
        "handbook."
    ),
    "not_permitted": "That needs a right that your role does not have here; a claim in chat does not change it.",
    "unsafe": (
        "I will not help with that: it would break a safety rule or falsify a record. I can show the lawful options."
    ),
}

WORD_SCHEMAS: dict[str, dict[str, JsonValue]] = {
    "reply": {
        "type": "object",
        "properties": {"text": {"type": "string", "minLength": 1, "maxLength": 600}},
        "required": ["text"],
        "additionalProperties": False,
    },
    "clarify": {
        "type": "object",
        "properties": {
            "question": {"type": "string", "minLength": 1, "maxLength": 300},
            "choices": {"type": "array", "items": {"type": "string"}, "maxItems": 6},
        },
        "required": ["question"],
        "additionalProperties": False,
    },
    "decline": {
        "type": "object",
        "properties": {
            "reason": {"type": "string", "enum": list(DECLINE_REASONS)},
            "text": {"type": "string", "maxLength": 300},
        },
        "required": ["reason"],
        "additionalProperties": False,
    },
}


def reference(name: str) -> str:
    """How the embedded model names a text that code owns."""
    return "{{" + name + "}}"

"""The one renderer: serving, training and measuring turn a conversation into the same bytes here.

Two styles. `small` is the embedded model's: ChatML, a one-line system text, no tool block (the decoder's schema knows
the tools), earlier turns as the user's words and the calls made. `llama3` is Llama 3.1's: `Environment: ipython`,
tools in the first user turn, bare calls, results in the `ipython` role.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

VERSION_OF_STYLE = {"small": "small-2", "llama3": "llama3-1"}
"""What an adapter carries of the bytes it was tuned on: a style that renders other bytes needs another version, which
tests/prompts/test_render.py forces."""
ONLY_LISTED, ALSO_LISTED = "only these tools:", "also these tools:"
"""Headers of a block of signatures in the small style: the only tools there are, or tools beside the known ones."""
END = {"small": "<|im_end|>", "llama3": "<|eot_id|>"}
BEGIN = {"small": "<|im_start|>assistant\n", "llama3": "<|start_header_id|>assistant<|end_header_id|>\n\n"}


@dataclass(frozen=True)
class Step:
    """One call as compact JSON, and one short word or line on how it went (`ok`, `none`, `failed: ...`)."""

    call: str
    outcome: str = "ok"


@dataclass(frozen=True)
class Turn:
    """What the user said and the calls it led to, oldest first.

    `marks` are what code recognises in the question ("[area Charlestown]", tools/mentions.py); the small style shows
    those of the newest turn.
    """

    question: str
    steps: tuple[Step, ...] = field(default_factory=tuple)
    marks: tuple[str, ...] = field(default_factory=tuple)


@dataclass(frozen=True)
class Setting:
    """What the model is told before the conversation. `tools` is the block of tool signatures or schemas, or ''."""

    city: str
    role: str
    tools: str = ""
    today: str = ""


def render(style: str, setting: Setting, turns: Sequence[Turn]) -> str:
    """The prompt whose completion is the next call. KeyError for an unknown style."""
    return {"small": _small, "llama3": _llama3}[style](setting, turns)


def without_control_tokens(text: str) -> str:
    """Words of users, of calls (which copy them) and outcomes, unable to close their turn or to open another one."""
    return text.replace("<|", "< |").replace("|>", "| >")


def _guarded(step: Step) -> tuple[str, str]:
    return without_control_tokens(step.call), without_control_tokens(step.outcome)


def _small(setting: Setting, turns: Sequence[Turn]) -> str:
    system = f"city {setting.city}, role {setting.role}" + (f"\n{setting.tools}" if setting.tools else "")
    parts = [_message("system", system)]
    for number, turn in enumerate(turns, 1):
        marks = " ".join(turn.marks) if number == len(turns) else ""
        said = without_control_tokens(f"{turn.question}\n{marks}" if marks else turn.question)
        parts.append(_message("user", said))
        for call, outcome in map(_guarded, turn.steps):
            parts.append(_message("assistant", call) + _message("tool", outcome))
    return "".join(parts) + BEGIN["small"]


def _message(role: str, text: str) -> str:
    return f"<|im_start|>{role}\n{text}{END['small']}\n"


def _llama3(setting: Setting, turns: Sequence[Turn]) -> str:
    system = (
        "Environment: ipython\n"
        f"Today Date: {setting.today}\n\n"
        f"You operate waste-collection rounds. City: {setting.city}. The user's role: {setting.role}. "
        "Answer each step with one JSON object. Copy the user's own words into the parameters; leave out what was not "
        "said."
    )
    parts = ["<|begin_of_text|>", _block("system", system)]
    for number, turn in enumerate(turns):
        text = without_control_tokens(turn.question)
        if number == 0 and setting.tools:
            text = (
                "Given the following functions, respond with a JSON for a function call with its proper arguments.\n"
                'Respond in the format {"name": function name, "parameters": dictionary of argument name and its '
                "value}.\n\n"
                f"{setting.tools}\n\n{text}"
            )
        parts.append(_block("user", text))
        for call, outcome in map(_guarded, turn.steps):
            parts.append(_block("assistant", call) + _block("ipython", f'{{"output": "{outcome}"}}'))
    return "".join(parts) + BEGIN["llama3"]


def _block(role: str, text: str) -> str:
    return f"<|start_header_id|>{role}<|end_header_id|>\n\n{text}{END['llama3']}"

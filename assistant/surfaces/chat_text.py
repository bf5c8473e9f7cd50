"""Answers and proposals as the chat page's Markdown. What comes from records is escaped: it cannot become markup."""

from __future__ import annotations

import csv
import io
import re

from assistant.shown import Answer, ProposalCard, ShownCall, StepEvent
from assistant.surfaces.answers import news_of, own_words
from domain.values import Reason, Table

MARKS = re.compile(r"([\\`*_\[\]<>#|~!$&])")
LISTS = re.compile(r"^(\s*)([-+]|\d+[.)])(\s)", re.M)
FORMULAS = ("=", "+", "-", "@", "\t", "\r")
STOP_TAKES = "The stop button takes the best round found so far."
MOST_REASONS, MOST_EVIDENCE = 6, 2


def plain(text: str) -> str:
    """Text that Markdown shows as it stands; the page keeps line breaks."""
    return LISTS.sub(r"\1\\\2\3", MARKS.sub(r"\\\1", text))


def code(text: str) -> str:
    """Text as code; a backtick would end it."""
    return f"`{text.replace('`', chr(39))}`" if text else ""


def headline_text(answer: Answer) -> str:
    """The answer itself, and what is degraded."""
    reduced = [f"> **Reduced:** {plain(sentence)}" for sentence in news_of(answer)]
    return "\n\n".join([plain(own_words(answer)), *reduced])


def reasons_text(answer: Answer) -> str:
    """The reasons with their evidence, what was understood, the data's age, and where it is recorded."""
    parts = []
    reasons = _once([_reason(reason) for call in answer.calls if call.result for reason in call.result.why])
    if reasons:
        left = len(reasons) - MOST_REASONS
        more = [f"- and {left} more reasons in the record"] if left > 0 else []
        parts.append("\n".join(["**Why**", *reasons[:MOST_REASONS], *more]))
    footing = _once([line for call in answer.calls for line in _footing(call)])
    recorded = [f"**Record** {code(answer.decision_id)}"] if answer.decision_id else []
    parts.append("\n".join(footing + recorded))
    return "\n\n".join(part for part in parts if part)


def _once(lines: list[str]) -> list[str]:
    return list(dict.fromkeys(lines))


def _reason(reason: Reason) -> str:
    shown = ", ".join(f"{plain(e.label)} {code(e.ref)}" for e in reason.evidence[:MOST_EVIDENCE])
    more = len(reason.evidence) - MOST_EVIDENCE
    return f"- {plain(reason.text)} ({shown}{f' and {more} more' if more > 0 else ''})"


def _footing(call: ShownCall) -> list[str]:
    """What was understood, how old the data are, how sure the result is."""
    if call.result is None:
        return []
    understood = " · ".join(f"{name.replace('_', ' ')}: {plain(text)}" for name, text in _understood(call).items())
    lines = [f"**Understood** {understood}"] if understood else []
    lines.append(f"**Data** {plain(call.result.data_age)}")
    if sure := call.result.confidence:
        lines.append(f"**Confidence** {sure.share:.0%}, {plain(sure.meaning)}")
    return lines


def _understood(call: ShownCall) -> dict[str, str]:
    return call.understood or (call.result.understood if call.result else {})


def card_text(card: ProposalCard) -> str:
    """A proposal: what approving it would do, who may, until when, and which content it is."""
    lines = "\n".join(f"- {plain(line)}" for line in card.lines)
    who = ", ".join(card.may_approve)
    until = f"Open until {plain(card.expires_at)} · to be approved by: {plain(who)}"
    foot = f"{until} · content {code(card.content_hash[:12])}"
    return f"**Proposal {plain(card.proposal_id)}: {plain(card.title)}**\n\n{lines}\n\n{foot}"


def progress_text(event: StepEvent) -> str:
    """How far a search is."""
    share, left, seconds = (event.detail.get(name) for name in ("share", "unserved", "seconds"))
    parts = [f"{share:.0%} of the search" if isinstance(share, int | float) else "Searching"]
    parts += [f"{left} stops left out"] if isinstance(left, int) and left else []
    parts += [f"{seconds:.0f} s"] if isinstance(seconds, int | float) else []
    return plain(f"{' · '.join(parts)}. {STOP_TAKES}")


def step_text(event: StepEvent) -> str:
    """What a finished step tells: what was understood, and how long it took."""
    understood = event.detail.get("understood")
    told = understood if isinstance(understood, dict) else {}
    lines = [f"- {name.replace('_', ' ')}: {plain(str(text))}" for name, text in told.items()]
    problem = event.detail.get("problem")
    lines += [plain(str(problem))] if problem else []
    ms = event.detail.get("ms")
    lines += [f"\n{ms:,.0f} ms"] if isinstance(ms, int | float) else []
    return "\n".join(lines)


def table_csv(table: Table) -> bytes:
    """The table for a spreadsheet, with a byte order mark; a cell that would be a formula gets an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(table.columns)
    writer.writerows([[_harmless(cell) for cell in row] for row in table.rows])
    return out.getvalue().encode("utf-8-sig")


def _harmless(cell: str | int | float | None) -> str | int | float | None:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULAS) else cell

"""Answers, tables and proposals as plain text, for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from assistant.shown import Answer, ProposalCard, ShownCall
from assistant.surfaces.answers import news_of, own_words
from domain.values import Reason, Table

MOST_ROWS = 15
MOST_EVIDENCE = 3
WIDEST_CELL = 32
NOTHING = "-"  # stands where a record says nothing


def print_answer(answer: Answer, approve_with: str = "roundsman approve") -> str:
    """The whole answer: text, table, reasons, what was understood, the proposals and how to approve them."""
    parts = [own_words(answer), _choices(answer)]
    for call in answer.calls:
        parts += _call(call)
    parts += [f"Note: {sentence}" for sentence in news_of(answer)]
    parts += [_proposal(card, approve_with) for card in answer.proposals]
    parts.append(_trail(answer))
    return "\n\n".join(part for part in parts if part)


def print_card(card: ProposalCard) -> str:
    """A proposal: what approving it would do, who may, until when."""
    head = f"Proposal {card.proposal_id} ({card.state}): {card.title}"
    who = f"May approve: {', '.join(card.may_approve) or NOTHING}; open until {card.expires_at}"
    return "\n".join([head, *(f"  {line}" for line in card.lines), f"  {who}", f"  Content: {card.content_hash}"])


def print_table(table: Table, most: int = MOST_ROWS) -> str:
    """Aligned columns, numbers to the right; says how many rows are left out."""
    shown = [[_cell(value) for value in row] for row in table.rows[:most]]
    right = [_is_number(table, n) for n in range(len(table.columns))]
    widths = [max(len(row[n]) for row in [[_cell(c) for c in table.columns], *shown]) for n in range(len(right))]
    lines = [
        _line(row, widths, right) for row in [[_cell(c) for c in table.columns], ["-" * w for w in widths], *shown]
    ]
    left = len(table.rows) - len(shown)
    return "\n".join(lines + ([f"... and {left} more rows (--json shows all)"] if left else []))


def print_pairs(pairs: Sequence[tuple[str, str]]) -> str:
    """Two columns."""
    width = max((len(name) for name, _ in pairs), default=0)
    return "\n".join(f"{name:<{width}}  {text}" for name, text in pairs)


def _call(call: ShownCall) -> Iterator[str]:
    if call.result is None:
        if call.problem:
            yield f"{call.name}: {call.problem}"
        return
    if call.result.table and call.result.table.rows:
        yield print_table(call.result.table)
    yield "\n".join(["Why", *(f"  - {_reason(reason)}" for reason in call.result.why)])
    understood = "; ".join(f"{name} = {text}" for name, text in (call.understood or call.result.understood).items())
    yield "\n".join(
        line
        for line in (
            f"Understood: {call.name}{f' with {understood}' if understood else ''}",
            f"Data: {call.result.data_age}",
            _confidence(call),
        )
        if line
    )


def _confidence(call: ShownCall) -> str:
    sure = call.result.confidence if call.result else None
    return f"Confidence: {sure.share:.0%}, {sure.meaning}" if sure else ""


def _reason(reason: Reason) -> str:
    shown = [f"{e.label}: {e.ref}" for e in reason.evidence[:MOST_EVIDENCE]]
    left = len(reason.evidence) - MOST_EVIDENCE
    return f"{reason.text} [{'; '.join(shown)}{f'; and {left} more' if left > 0 else ''}]"


def _choices(answer: Answer) -> str:
    return "\n".join(f"  - {choice}" for choice in answer.choices)


def _proposal(card: ProposalCard, approve_with: str) -> str:
    role = card.may_approve[0] if card.may_approve else "manager"
    command = f"{approve_with} {card.proposal_id} --role {role.partition(':')[0]}"
    return f"{print_card(card)}\n  Approve with: {command}"


def _trail(answer: Answer) -> str:
    parts = [f"Decision {answer.decision_id}" if answer.decision_id else "", f"thread {answer.thread}"]
    return ", ".join(part for part in parts if part)


def _cell(value: str | int | float | None) -> str:
    if value is None:
        return NOTHING
    text = f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)
    text = " ".join(text.split())
    return text if len(text) <= WIDEST_CELL else text[: WIDEST_CELL - 1] + "…"


def _is_number(table: Table, column: int) -> bool:
    values = [row[column] for row in table.rows if row[column] is not None]
    return bool(values) and all(isinstance(value, int | float) for value in values)


def _line(row: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    cells = [
        cell.rjust(width) if is_right else cell.ljust(width)
        for cell, width, is_right in zip(row, widths, right, strict=True)
    ]
    return "  ".join(cells).rstrip()

"""What the surfaces share in showing an answer."""

from __future__ import annotations

from assistant.shown import Answer

REPEATED = ("Understood:", "Data:")


def own_words(answer: Answer) -> str:
    """The answer's text without the lines that a surface shows below it with their evidence: reasons, what was
    understood, the data's age. The text as a whole stays in `--json`, in the API and in the ledger.
    """
    results = [call.result for call in answer.calls if call.result]
    if not results:
        return answer.text
    reasons = {reason.text for result in results for reason in result.why}
    lines = [line for line in answer.text.splitlines() if not _repeats(line.strip(), reasons)]
    return "\n".join(lines).strip() or answer.text


def news_of(answer: Answer) -> list[str]:
    """What is degraded and not already said by the answer's text."""
    return [sentence for sentence in answer.degraded if sentence not in answer.text]


def _repeats(line: str, reasons: set[str]) -> bool:
    return line.startswith(REPEATED) or line.removeprefix("- ") in reasons

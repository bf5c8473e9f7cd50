"""On which side of a level the bins lie, and how many rows or trucks are wanted, where the question says so plainly.

"At most 20 percent", "unter 20 %", "20 % or less" is a greatest level and never a least one; "up to 15 records" and
"rows=8" bound the list, "with two trucks" counts them. A small model knows the number and takes the wrong argument for
it. Behind a word that denies or leaves out ("not under 50 %", "skip those below 40") nothing is read, nor of a level
that is said twice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from domain.name_words import NUMBERS, fold
from domain.trucks import TRUCK
from domain.values import Call
from tools.denial import denied
from tools.numbers import COUNTS, IN_PERCENT, numbers_in
from tools.registry import TOOLS, Tool
from tools.trucks_out import PLAN

__all__ = ["with_bounds"]

LEAST, GREATEST, ROWS = "min_fill_pct", "max_fill_pct", "limit"
TRUCKS, COUNT = "trucks", "truck_count"
MOST_ROWS = 100  # that a list may have; a larger number names something else
UNIT = rf"(?:{IN_PERCENT})?"
NUMBER = r"(?P<number>\d+|(?!(?:the|than|of|a|an)\b)[^\W\d_]+)"
ARTICLE = r"(?:(?:about|a|the|el|la|un|una|etwa)\s+)?"
NO_MORE = re.compile(
    r"(?<!\w)(?:at (?:the )?most|no more than|not more than|not over|not above|under|below|beneath|less than"
    r"|lower than|(?:not|\w+n['’]?t) even|maximum(?: of)?|max|höchstens|maximal|unter|weniger als|nicht mehr als"
    r"|como máximo|a lo sumo|menos de|por debajo de|no más de|au plus|au maximum|moins de|en dessous de"
    rf"|pas plus de)\s+{ARTICLE}{NUMBER}{UNIT}|(?<!\w)(?P<before>\d+){UNIT}"
    r"\s+(?:or less|or lower|or below|at (?:the )?most|oder weniger|o menos|como máximo|ou moins|au plus)(?!\w)",
    re.I,
)
NO_LESS = re.compile(
    r"(?<!\w)(?:at least|no less than|not less than|not under|not below|over|above|more than|higher than|beyond|past"
    r"|minimum(?: of)?|mindestens|wenigstens|über|mehr als|al menos|como mínimo|más de|por encima de|au moins|plus de"
    rf"|au-dessus de)\s+{ARTICLE}{NUMBER}{UNIT}|(?<!\w)(?P<before>\d+){UNIT}"
    r"\s+(?:or more|or higher|or above|oder mehr|o más|ou plus)(?!\w)",
    re.I,
)
LISTED = (
    r"(?:records?|rows?|results?|hits?|entries|lines|items|einträge|zeilen|treffer|filas|resultados|registros|lignes"
    r"|résultats)"
)
LISTED_UP_TO = re.compile(
    r"(?<!\w)(?:up to|first|top|at most|no more than|max(?:imum)?|last|latest|newest|bis zu|höchstens|ersten|letzten"
    r"|hasta|primer[oa]s|últim[oa]s|jusqu['’]à|premiers|premières|derniers|dernières)"
    rf"\s+(?P<after>\d+|[^\W\d_]+)\s+{LISTED}(?!\w)|(?<!\w){LISTED}\s*[=:]\s*(?P<set>\d+)(?!\d)",
    re.I,
)

WITH_TRUCKS = re.compile(
    r"(?<!\w)(?:with|using|con|usando|mit|avec)\s+(?:(?:just|only|s[oó]lo|nur|seulement|the|los|les|unsere\w*)\s+)?"
    rf"(?P<number>\d{{1,2}}|[^\W\d_]+)\s+{TRUCK}"
    r"(?=\s*(?:$|[.,;:!?)]|(?:for|on|at|tomorrow|tonight|today|this|next|and|near|around|para|el|hoy|mañana|esta|y"
    r"|a las|por|cerca|für|morgen|heute|und|am|um|bei|pour|demain|ce|cette|et|à)(?!\w)))",
    re.I,
)
"""How many trucks there are: not how many of them are missing or broken."""
AS_A_RULE = re.compile(
    r"(?<!\w)(?:usually|normally|always|last|took|needed|sonst|normalerweise|immer|letzte\w*|normalmente|siempre|suel\w+"
    r"|pasad[oa]s?|d['’]habitude|toujours|derni\w+)(?!\w)",
    re.I,
)
"""Who says so tells of other rounds than the one that is to be planned."""
MOST_TRUCKS = 20


def with_bounds(call: Call, question: str, tools: Mapping[str, Tool] = TOOLS) -> Call:
    """The call with its level on the side that the question says, and with the numbers of rows and trucks it says."""
    declared = tools.get(call.name)
    names = {argument.name for argument in declared.arguments} if declared else set()
    parameters = dict(call.parameters)
    if {LEAST, GREATEST} <= names:
        for mine, other, said_as in ((LEAST, GREATEST, NO_MORE), (GREATEST, LEAST, NO_LESS)):
            opposite = NO_LESS if said_as is NO_MORE else NO_MORE
            value = parameters.get(mine)
            if other not in parameters and value in _bounded(said_as, question) - _bounded(opposite, question):
                parameters[other] = parameters.pop(mine)
                break
    if ROWS in names and ROWS not in parameters and len(rows := _rows(question)) == 1:
        parameters[ROWS] = rows.pop()
    if call.name == PLAN and parameters.keys().isdisjoint((TRUCKS, COUNT)) and (count := _trucks(question)):
        parameters = TOOLS[PLAN].ordered({**parameters, COUNT: count})
    return Call(call.name, parameters) if parameters != dict(call.parameters) else call


def _bounded(said_as: re.Pattern[str], question: str) -> set[object]:
    """The numbers that stand in such a bound."""
    matches = (match for match in said_as.finditer(question) if not denied(question, match.start()))
    found = {match["number"] or match["before"] for match in matches}
    once = (words for words in found if len(re.findall(rf"(?<!\w){words}(?!\w)", question)) == 1)
    return {number for words in once for number in numbers_in(words)}


def _rows(question: str) -> set[int]:
    found = (match["after"] or match["set"] for match in LISTED_UP_TO.finditer(question))
    counts = (words for words in found if words.isdigit() or words.casefold() in COUNTS)
    return {number for words in counts for number in numbers_in(words) if 0 < number <= MOST_ROWS}


def _trucks(question: str) -> int | None:
    """How many trucks a question gives; None where it says that of none, twice, or tells of other rounds."""
    found = [match for match in WITH_TRUCKS.finditer(question) if not denied(question, match.start())]
    if len(found) != 1 or AS_A_RULE.search(question):
        return None
    words = fold(found[0]["number"])
    number = NUMBERS.get(words, words)
    return int(number) if number.isdigit() and 0 < int(number) <= MOST_TRUCKS else None

"""Sayings of several words that mean something else together, as rewrites: (pattern, what it stands for)."""

from __future__ import annotations

from domain.feasts import FEAST
from domain.time_vocabulary import MONTH, MONTHS, PART, TRANSLATION, UNIT, WEEKDAY, WEEKDAYS


def _said(*canonical: str) -> str:
    """The words that stand for any of these, as alternatives of a pattern."""
    return "|".join(word for word, meant in TRANSLATION.items() if meant in canonical)


DAY_SAID = _said(*WEEKDAYS, "today", "tomorrow", "overmorrow", "yesterday")
SPAN_SAID = _said("day", "week", "month", "quarter", "year")
DAY_END = (
    r"eod|cob|close of (?:business|play)|end of (?:the )?(?:day|play)|(?:final|fin) (?:del|de la) (?:dia|jornada)"
    r"|fin de (?:la )?journee|ende des tages|tagesende|feierabend"
)

NO_MONTH = "".join(rf"(?<!\b{month} )" for month in MONTHS)  # "july 4 last year" is a day of a month

# Before the words are translated one by one: what means something else together.
PHRASES: tuple[tuple[str, str], ...] = (
    (r"week end", "weekend"),
    (r"(?:1|un) an", "1 year"),
    (r"an(?= (?:dernier|passe|prochain|suivant|precedent))", "year"),
    (r"(?:right|straight|right a) ?(?:now|away)|at once|as soon as possible", "now"),
    (r"(?:earlier|later|late) (today|tonight)", r"\1"),
    (r"day after tomorrow|pasado manana|apres demain", "overmorrow"),
    (r"day before yesterday|avant hier", "ereyesterday"),
    (r"(?:the )?(?:day after|next day|following day)$", "tomorrow"),
    (r"(?:the )?(?:day before|(?:previous|preceding|prior) day)$", "yesterday"),
    (rf"(?:preceding|prior) ({SPAN_SAID}|weekend)", r"last \1"),
    (r"following (day|week|month|quarter|year|weekend)", r"next \1"),
    (rf"(?:{DAY_END}) (?:on )?({DAY_SAID})", r"end \1"),
    (rf"({DAY_SAID}) (?:at |by |en |a |zum |bis )?(?:{DAY_END})", r"end \1"),
    (DAY_END, "end today"),
    (r"eow", "end this week"),
    (r"eom|monatsende", "end this month"),
    (r"by ((?:the |this |next )*)weekend", r"before \1weekend"),
    (r"eoy|jahresende", "end this year"),
    (r"heuer", "this year"),
    (r"quartalsende", "end this quarter"),
    (r"(woche|monat|quartal|jahr)e?s(?:beginn|anfang)|(woche)n(?:beginn|anfang)", r"start this \1\2"),
    (r"(?:selben |gleichen )?vorjahres(woche|monat|quartal)s?", r"same \1 last year"),
    (r"(?:selben |gleichen )?vorjahreszeitraums?", "same period last year"),
    (r"vor(woche|monat|quartal|jahr)(?:e?s)?", r"last \1"),
    (r"folge(woche|monat|jahr)(?:e?s)?", r"next \1"),
    (r"vorletzte[nrsm]? (woche|monat|quartal|jahr)|(mes|ano|semana) antepasad[oa]", r"2 \1\2 ago"),
    (r"ubernachste[nrs]? (woche|monat|quartal|jahr)", r"in 2 \1"),
    (r"vortag(?:e?s)?|dia anterior$|jour precedent$|veille$", "yesterday"),
    (r"folgetag(?:e?s)?|dia siguiente$|jour suivant$|lendemain$", "tomorrow"),
    (rf"({SPAN_SAID}) en (?:cours|curso)", r"this \1"),
    (rf"(?:this )?({SPAN_SAID}) so far", r"since start this \1"),
    (rf"(?:en )?lo que (?:va|llevamos)(?: de la| del| de)?(?: este| esta)? ({SPAN_SAID})", r"since start this \1"),
    (rf"(?:bisher|bislang|jusquici) (?:in )?(?:diese[nrsm]?|cet|cette|ce) ({SPAN_SAID})", r"since start this \1"),
    (rf"(?:in )?(?:diese[nrsm]?|cet|cette|ce) ({SPAN_SAID}) (?:bisher|bislang|jusquici)", r"since start this \1"),
    (rf"early (tomorrow|{WEEKDAY})(?: morning)?", r"\1 earlymorning"),
    (rf"(tomorrow|{WEEKDAY}) early(?: morning)?(?! (?:afternoon|evening|night))", r"\1 earlymorning"),
    (rf"late (tomorrow|{WEEKDAY}) night", r"\1 night"),
    (rf"late (tomorrow|{WEEKDAY})(?: evening)?(?! (?:morning|afternoon))", r"\1 evening"),
    (r"(?:a )?primera hora(?! de la (?:tarde|noche))(?: de la manana)?", "earlymorning"),
    (r"(?:a la |des la )?premiere heure", "earlymorning"),
    (rf"(?:a )?ultima hora (?:de |del |de la )?({DAY_SAID})", r"\1 evening"),
    (r"a ultima hora(?: de la (?:tarde|noche)| del dia)?|last thing(?: at night)?", "evening"),
    (rf"({DAY_SAID}|this) pm|pm ({DAY_SAID})", r"\1\2 afternoon"),
    (rf"({DAY_SAID}|this) am(?= to| until| till| thru| through| and|$)", r"\1 morning"),
    (rf"({DAY_SAID}|this) eve", r"\1 evening"),
    (r"first thing(?: in the morning)?|(?:very )?early (?:in the )?morning|in der fruh", "earlymorning"),
    (rf"({DAY_SAID}) en (?:huit|ocho)", r"\1 week"),
    (rf"(?:a |one |1 )?week (?:on ({DAY_SAID})|(today|tomorrow))", r"1 week \1\2"),
    (r"([a-z]+)woche", r"\1 woche"),
    (r"(?:a )?fortnight", "2 weeks"),
    (r"quarter of an hour", "15 minutes"),
    (r"hour and a half", "90 minutes"),
    (r"half a day", "12 hours"),
    (r"(year|quarter|month|week) to date|(?:so far )?this (year|month|week)(?: so far)", r"since start this \1\2"),
    (r"so far this (year|month|week)", r"since start this \1"),
    (r"to date", "to now"),
    (r"ytd", "since start this year"),
    (r"qtd", "since start this quarter"),
    (r"mtd", "since start this month"),
    (r"wtd", "since start this week"),
    (r"(week|month|quarter|year) before last", r"2 \1 ago"),
    (r"(week|month|quarter|year) after next", r"in 2 \1"),
    (r"(week|month|quarter|year|weekend) after(?! \S)", r"next \1"),
    (r"(week|month|quarter|year|weekend) before(?! \S)", r"last \1"),
    (r"(?:this|same) time tomorrow", "in 24 hours"),
    (
        r"this time|(?:a |por )?est[ae]s? (?:alturas?|epoca|fechas)|(?:um |zu )?diese[rn]? zeit|(?:a )?cette epoque",
        "same time",
    ),
    (r"(?:(?:a|en|por) )?(?:la )?(?:misma|meme) (?:epoca|epoque|hora)|(?:zur )?(?:gleichen?|selben) zeit", "same time"),
    (r"(?:en |im |a )?(?:el |la )?(?:mismo|meme|gleichen?|selben) (?:periodo|periode|zeitraum)", "same period"),
    (r"(?:no|not) later than|a mas tardar|au plus tard", "by"),
    (r"from (?:today|now)$|in advance|im voraus|mas (?:adelante|tarde)|plus tard|(?:a )?avance", "later"),
    (r"up (to|until)", r"\1"),
    (r"(?:heute|diesen) morgen|esta manana", "this morning"),
    (r"heute (?:abend|nacht)|heut nacht|esta noche|ce soir|cette nuit", "tonight"),
    (r"anoche", "last night"),
    (r"morgen (?:fruh|vormittag)", "tomorrow morning"),
    (r"(?:por|de|en) la manana|(?:am|jeden) morgen", "morning"),
    (r"(gestern|montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonntag) morgen", r"\1 morning"),
    (r"apres midi", "afternoon"),
    (r"fin de semana", "weekend"),
    (r"a (?:finales|fines) de", "end"),
    (r"a las?|a la una", "at"),
    (r"las (week|weekend|month|quarter|year)", r"last \1"),
    (r"il y a", "hace"),
    (r"([01]\d|2[0-3])([0-5]\d) uhr|(\d+) ?uhr (\d\d)", r"\1\3:\2\4"),
    (r"(?:um |at )?(\d+) ?uhr", r"\1:00"),
    (r"on the dot|sharp|ish|exactly|punkt|en punto|pile", ""),
)
# After the words are translated.
ORDER: tuple[tuple[str, str], ...] = (
    (rf"\b(?:a|an|un|una|une|ein|eine|einer|einem|einen)(?= (?:half )?(?:{UNIT})\b)", "1"),
    (r"\b(?:1 )?half(?: 1)? hour\b", "30 minute"),
    (rf"\bbefore (\d+) ({UNIT})\b", r"\1 \2 ago"),
    (rf"{NO_MONTH}\b(\d+) (last|past|next) ({UNIT})\b", r"\2 \1 \3"),
    (rf"\b({UNIT}|{WEEKDAY}|{MONTH}|{FEAST}) (last|next|coming)\b(?! (?:{UNIT}|{MONTH}|{WEEKDAY})\b)", r"\2 \1"),
    (rf"\b(?:a|al|au) (?={PART}\b)", ""),
    (r"\ba (?=\d+(?::\d\d| hour)\b)", "at "),
    (r"(?<=\S) (?:a|al|au) (?=\S)", " to "),
    (r"\b(?:a|an|al|au)\b", ""),
    (rf"\bin (?!\d+(?:\.\d+)? (?:{UNIT})\b)", ""),
    (rf"\bin (?=next \d+ (?:{UNIT})\b)", ""),
    (r"\bthis coming\b", "coming"),
    (r"^and ", ""),
    (r"\bnext hour\b", "next 1 hour"),
    (r"(?<!in )(?<!last )(?<!past )(?<!next )\b([01]\d|2[0-3])([0-5]\d) hour\b(?! (?:ago|later)\b)", r"at \1:\2"),
    (rf"(?<!last )(?<!this )(?<!next )(?<!\d )\bmonth (?=(?:{MONTH})\b)", ""),
    (rf"\b([1-5]th|last) ({MONTH}) (week|weekend)\b", r"\1 \3 \2"),
    (r"\b(last|next) (week|month|quarter|year) same (time|period|day|week|month|quarter)\b", r"same \3 \1 \2"),
    (r"\bsame time yesterday\b|\byesterday same time\b", "24 hour ago"),
    (r"\bsame time tomorrow\b|\btomorrow same time\b", "in 24 hour"),
    (r"\b([1-4])th quarter\b", r"q\1"),
    (r"\b(morning|evening|night|afternoon|noon) (yesterday|today|tomorrow)\b", r"\2 \1"),
    (r"\bthis (tonight|today)\b", r"\1"),
)  # fmt: skip

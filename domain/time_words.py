"""How people say times, brought into one plain English: typos, short forms, Spanish, German and French included.

`plain` knows no calendar: it turns "pasado mañana a las 6 de la tarde" into "overmorrow at 6 afternoon", which the
calendar reads. Words it does not know stay as they are, so that the calendar refuses them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from rapidfuzz.distance import OSA
from rapidfuzz.process import extract

from domain.name_words import fold, words_of
from domain.spoken_clock import SPOKEN as SPOKEN_HOUR
from domain.spoken_clock import SpokenClock

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
PARTS = ("earlymorning", "morning", "noon", "afternoon", "evening", "night", "midnight")
WEEKDAY, MONTH, PART = "|".join(WEEKDAYS), "|".join(MONTHS), "|".join(PARTS)
DOTTED = re.compile(r"\d{1,2}\.(?:\d{1,2}\.)?")  # "1." and "3.9." are dates
LEADS = ("at", "by", "from", "before", "after", "until", "till", "around", "past", "to", "half")
# "which one am I to empty" is no hour
ONE = (
    "(?:"
    + "|".join(rf"(?<=\b{lead} )one" for lead in LEADS)
    + r"|one(?= ?p)|^one(?= am (?:to(?:day|morrow)|tonight)\b))"
)
HALF_DAY = rf"\b({ONE}|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|thirty) ?([ap])\.? ?m\b\.?"
UNIT = "minute|hour|day|week|weekend|month|quarter|year"

# canonical word: what people say for it, folded (English short forms, then Spanish, German, French)
SPOKEN = """
now: immediately asap ahora jetzt sofort maintenant
today: 2day hoy heute aujourdhui
tomorrow: tmrw tmr tmw 2moro 2morrow manana morgen demain
yesterday: yday ayer gestern hier
overmorrow: ubermorgen uebermorgen
ereyesterday: anteayer antier vorgestern
tonight: tonite 2nite
earlymorning: dawn madrugada fruh fruhmorgens
morning: mornings vormittag vormittags matin matinee
noon: midday noontime lunch lunchtime mediodia mittag mittags midi
afternoon: afternoons tarde nachmittag nachmittags
evening: evenings abend abends soir soiree
night: nights noche nacht nachts nuit
midnight: medianoche mitternacht minuit
minute: minutes min mins minuto minutos minuten
hour: hours hr hrs h hora horas stunde stunden heure heures
day: days d dia dias tag tage tagen jour jours
week: weeks wk wks w semana semanas woche wochen semaine semaines
weekend: weekends wknd wkend finde wochenende
month: months mth mths mes meses monat monats monate monaten mois
quarter: quarters qtr trimestre trimestres quartal quartals quartale
year: years yr yrs ano anos jahr jahrs jahre jahren jahres ans annee annees
this: current este esta estos diese dieser dieses diesen diesem ce cet cette
last: lst previous prev ultimo ultima ultimos ultimas pasado pasada pasados pasadas letzte letzter letzten letztes
last: letztem vorige voriger vorigen voriges vergangene vergangener vergangenen vergangenes
last: dernier derniere derniers dernieres passe passee
past: trailing
next: nxt proximo proxima proximos proximas viene nachste nachster nachsten nachstes nachstem
next: prochain prochaine prochains prochaines
coming: upcoming kommende kommender kommenden kommendes kommendem
in: within inside en dentro dans
ago: back earlier
later: spater ahead voraus despues
since: desde seit depuis
until: till til hasta bis jusqua jusquau
from: ab
to: through thru
between: entre zwischen
and: plus y und et
before: antes avant vor hace
start: beginning begin principio principios comienzo anfang beginn debut
end: fin final finales ende
half: halbe halben halb media medio demi demie
at: um
january: jan enero januar janner janvier
february: feb febrero februar fevrier
march: mar marzo marz maerz mars
april: apr abril avril
may: mayo mai
june: jun junio juni juin
july: jul julio juli juillet
august: aug agosto aout
september: sep sept septiembre setiembre septembre
october: oct octubre okt oktober octobre
november: nov noviembre novembre
december: dec diciembre dez dezember decembre
monday: mon lunes montag lundi
tuesday: tue tues martes dienstag mardi
wednesday: wed weds miercoles mittwoch mercredi
thursday: thu thur thurs jueves donnerstag jeudi
friday: fri viernes freitag vendredi
saturday: sat sabado samstag sonnabend samedi
sunday: sun domingo sonntag dimanche
1: one uno
2: two couple dos zwei deux
3: three tres drei trois
4: four cuatro vier quatre
5: five cinco funf cinq
6: six seis sechs
7: seven siete sieben
8: eight ocho acht huit
9: nine nueve neun neuf
10: ten diez zehn dix
11: eleven once elf onze
12: twelve doce zwolf douze
14: fourteen catorce vierzehn quatorze
15: fifteen quince funfzehn quinze
20: twenty veinte zwanzig vingt
24: veinticuatro vierundzwanzig
30: thirty treinta dreissig trente
48: achtundvierzig
1th: first primero primer ersten erste premier premiere
2th: second segundo zweiten zweite deuxieme
3th: third tercer tercero dritten dritte troisieme
4th: fourth cuarto vierten vierte quatrieme
5th: fifth
10th: tenth
15th: fifteenth
20th: twentieth
30th: thirtieth
"""
FILLERS = words_of(
    "the of on by for during around about approximately roughly please sometime anytime any over throughout whole "
    "entire all latest due so far el la los las de del por para le les du des aux der die das den dem am im zum zur "
    "von vom gegen circa ungefahr bitte vers pour sur ici que spatestens"
)
# Known words that are no times, or that only phrases hold; here so that they are not taken for typing errors.
OTHER_WORDS = words_of(
    "soon moon never whenever always spring summer autumn winter easter some same none late later early thing close "
    "business once right away straight possible following before after date oclock uhr clock fortnight apres pasado "
    "anoche manana morgen esta not than spatestens tardar plus tard time ytd mtd "
    "wtd eod eow eom eoy cob kw noche eine einer einem einen nach"
)

# Known as parts of sayings alone: no typing error is mended to one of them.
SAYING_WORDS = words_of(
    "monatsende jahresende heuer sharp ish dot exactly punkt punto pile viertel dreiviertel quart cuarto menos moins "
    "eins"
)

# Before the words are translated one by one: what means something else together.
PHRASES: tuple[tuple[str, str], ...] = (
    (r"(?:right|straight|right a) ?(?:now|away)|at once|as soon as possible", "now"),
    (r"(?:earlier|later|late) (today|tonight)", r"\1"),
    (r"day after tomorrow|pasado manana|apres demain", "overmorrow"),
    (r"day before yesterday|avant hier", "ereyesterday"),
    (r"(?:the )?(?:day after|next day|following day)$", "tomorrow"),
    (r"(?:the )?(?:day before|previous day)$", "yesterday"),
    (r"eod|cob|close of business|end of (?:the )?day", "end today"),
    (r"eow", "end this week"),
    (r"eom|monatsende", "end this month"),
    (r"by ((?:the |this |next )*)week-?end", r"before \1weekend"),
    (r"eoy|jahresende", "end this year"),
    (r"heuer", "this year"),
    (rf"early (tomorrow|{WEEKDAY})(?: morning)?", r"\1 earlymorning"),
    (rf"late (tomorrow|{WEEKDAY}) night", r"\1 night"),
    (rf"late (tomorrow|{WEEKDAY})(?: evening)?(?! (?:morning|afternoon))", r"\1 evening"),
    (r"first thing(?: in the morning)?|(?:very )?early (?:in the )?morning|in der fruh", "earlymorning"),
    (r"(?:a )?fortnight", "2 weeks"),
    (r"quarter of an hour", "15 minutes"),
    (r"hour and a half", "90 minutes"),
    (r"half a day", "12 hours"),
    (r"(year|month|week) to date|(?:so far )?this (year|month|week)(?: so far)", r"since start this \1\2"),
    (r"so far this (year|month|week)", r"since start this \1"),
    (r"to date", "to now"),
    (r"ytd", "since start this year"),
    (r"mtd", "since start this month"),
    (r"wtd", "since start this week"),
    (r"(week|month|quarter|year) before last", r"2 \1 ago"),
    (r"(week|month|quarter|year) after next", r"in 2 \1"),
    (r"(week|month|quarter|year|weekend) after", r"next \1"),
    (r"(week|month|quarter|year|weekend) before", r"last \1"),
    (r"(?:this|same) time tomorrow", "in 24 hours"),
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
    (r"(\d+) ?uhr (\d\d)", r"\1:\2"),
    (r"(?:um |at )?(\d+) ?uhr", r"\1:00"),
    (r"on the dot|sharp|ish|exactly|punkt|en punto|pile", ""),
)
# After the words are translated.
ORDER: tuple[tuple[str, str], ...] = (
    (rf"\b(?:a|an|un|una|une|ein|eine|einer|einem|einen)(?= (?:half )?(?:{UNIT})\b)", "1"),
    (r"\b(?:1 )?half(?: 1)? hour\b", "30 minute"),
    (rf"\bbefore (\d+) ({UNIT})\b", r"\1 \2 ago"),
    (rf"\b(\d+) (last|past|next) ({UNIT})\b", r"\2 \1 \3"),
    (rf"\b({UNIT}|{WEEKDAY}|{MONTH}) (last|next|coming)\b(?! (?:{UNIT}|{MONTH}|{WEEKDAY})\b)", r"\2 \1"),
    (rf"\b(?:a|al|au) (?={PART}\b)", ""),
    (r"\ba (?=\d+(?::\d\d| hour)\b)", "at "),
    (r"(?<=\S) (?:a|al|au) (?=\S)", " to "),
    (r"\b(?:a|an|al|au)\b", ""),
    (rf"\bin (?!\d+(?:\.\d+)? (?:{UNIT})\b)", ""),
    (rf"\bin (?=next \d+ (?:{UNIT})\b)", ""),
    (r"\bthis coming\b", "coming"),
    (r"^and ", ""),
    (r"\bnext hour\b", "next 1 hour"),
    (r"\b([1-4])th quarter\b", r"q\1"),
    (r"\b(morning|evening|night|afternoon|noon) (yesterday|today|tomorrow)\b", r"\2 \1"),
    (r"\bthis (tonight|today)\b", r"\1"),
)  # fmt: skip


def _spoken() -> Mapping[str, str]:
    """Every variant with its canonical word."""
    table = {}
    for line in SPOKEN.strip().splitlines():
        canonical, _, variants = line.partition(":")
        table.update({variant: canonical for variant in (canonical, *variants.split())})
    return table


TRANSLATION = _spoken()
NAMES = "|".join(word for word, canonical in TRANSLATION.items() if canonical in {*WEEKDAYS, *MONTHS})
VOCABULARY = tuple(sorted({*TRANSLATION, *FILLERS, *OTHER_WORDS}))
LONG_WORDS = tuple(word for word in VOCABULARY if len(word) > 3 or word == "the")
ENGLISH = frozenset({*TRANSLATION.values(), *(f"{unit}s" for unit in UNIT.split("|")), "the"})
KNOWN = frozenset({*VOCABULARY, *SAYING_WORDS, "halfam", "halfpm"})
HOURS = {word: int(number) for word, number in TRANSLATION.items() if number.isdigit() and 1 <= int(number) <= 12}
HOURS |= {"eins": 1, "una": 1}
LENGTHS = "|".join(word for word, canonical in TRANSLATION.items() if canonical in UNIT.split("|"))
MONTH_NAMES = "|".join(word for word, canonical in TRANSLATION.items() if canonical in MONTHS)
CLOCK = SpokenClock(HOURS, f"{LENGTHS}|{MONTH_NAMES}")


def plain(words: str) -> str:
    """The words as plain lower-case English without fillers; hours and dates stay for the calendar to read."""
    text = _clean(words)
    text = " ".join(_repaired(token) for token in text.split())
    for pattern, better in PHRASES:
        text = re.sub(rf"(?<!\S)(?:{pattern})(?!\S)", better, text)
    text = CLOCK.digital(" ".join(text.split()))
    text = " ".join(TRANSLATION.get(token, token) for token in text.split())
    text = " ".join(token for token in text.split() if token not in FILLERS)
    for pattern, better in ORDER:
        text = " ".join(re.sub(pattern, better, text).split())
    return text


def without_spoken_hours(text: str) -> str:
    """Folded text without hours in words: "leave half past five", "um halb sechs", "six a.m."."""
    digits = re.sub(HALF_DAY, r"\1 half\2m", " ".join(fold(text).split()))
    return re.sub(r"\w+ half[ap]m\b", " ... ", CLOCK.without(digits))


def _clean(words: str) -> str:
    """Folded text; glued forms cut apart ("6pm", "48h", "Aug 1-15"), punctuation gone that carries no time."""
    text = fold(re.sub(r"\b[ldLD][’']", "", words)).replace("–", "-").replace("—", "-")
    text = re.sub(r"(?<=\d)\s*(?:([ap])\.?\s?m\b\.?)", r" half-\1m ", text).replace("half-", "half")
    text = re.sub(HALF_DAY, r"\1 half\2m", text)
    text = re.sub(r"(\d{4}-\d\d-\d\d)t(?=\d)", r"\1 ", text)
    text = re.sub(r"(\d)(?:st|nd|rd|th|er|ere|eme|o|a)\b", r"\1th", text)
    text = re.sub(r"\b(\d{1,2})h(\d\d)\b", r"\1:\2", text)
    text = re.sub(r"(\d)(?=(?!th\b)[a-z])", r"\1 ", text)
    text = re.sub(r"(?<![\d-])(\d{1,2}(?:th|\.)?)\s*-\s*(?=\d{1,2}(?:th|\.)?(?![\d-]))", r"\1 to ", text)
    text = re.sub(r"(?<=\d:\d\d)\s*-\s*(?=\d)|\s-\s|(?<=\d{4})\s*/\s*(?=\d{4})", " to ", text)
    text = re.sub(rf"\b({NAMES})-({NAMES})\b", r"\1 to \2", text)
    text = re.sub(r"(?<![\d])-|-(?![\d])|[^\w\s:./-]|_", " ", text)
    return " ".join(token if DOTTED.fullmatch(token) else token.rstrip(".") for token in text.split())


def _repaired(token: str) -> str:
    """The token, or the one known word that it is a typing error of, or the two known words it runs together.

    A plain English word comes before short forms and other languages at the same distance; a tie stays unrepaired.
    """
    if token in KNOWN or not token.isalpha() or len(token) < 3:
        return token
    allowed = 1 if len(token) < 7 else 2
    near = extract(token, LONG_WORDS, scorer=OSA.distance, score_cutoff=allowed, limit=None)
    best = [word for word, edits, _ in near if edits == near[0][1]]
    for words in ([word for word in best if word in ENGLISH], best if len(token) > 3 else []):
        if len({TRANSLATION.get(word, word) for word in words}) == 1:
            return words[0]
    cut = next((cut for cut in range(3, len(token) - 2) if {token[:cut], token[cut:]} <= KNOWN), None)
    return f"{token[:cut]} {token[cut:]}" if cut else token


class Hour(NamedTuple):
    """A time of day as it was said. `sure` is False for a bare hour that may be morning or evening."""

    hour: int
    minute: int
    sure: bool


NEAR = "today|tonight|tomorrow|overmorrow|yesterday"
CLOCKS: tuple[str, ...] = (
    rf"(?:\bat )?\b(?P<bare>\d{{1,2}}):(?P<m>\d\d) {SPOKEN_HOUR}(?: half(?P<half>am|pm))?(?!\S)",
    r"(?:\bat )?\b(?P<h>\d{1,2})[:.](?P<m>\d\d)(?::\d\d(?:\.\d+)?)?(?: half(?P<half>am|pm))\b",
    r"(?:\bat )?\b(?P<h>\d{1,2}) half(?P<half>am|pm)\b",
    r"(?:\bat )?\b(?P<h>\d{1,2}):(?P<m>\d\d)(?::\d\d(?:\.\d+)?)?(?: (?:hour|oclock))?(?![\d:])",
    r"\bat (?P<h>\d{1,2})\.(?P<m>\d\d)\b(?!\.)",
    r"\b(?:at )?(?P<h>[0-2]\d)(?P<m>[0-5]\d) hour\b",
    r"\bat (?P<h>[0-2]\d)(?P<m>[0-5]\d)\b",
    r"\bat (?P<h>\d{1,2}) hour\b",
    rf"^(?P<h>[01]\d)(?P<m>[0-5]\d)(?= (?:{WEEKDAY}|{NEAR})\b)",
    rf"^(?P<h>2[0-3])(?P<m>[0-5]\d)(?= (?:{NEAR})\b)",
    rf"^(?P<h>\d{{1,2}})\.(?P<m>00|1[3-9]|[2-5]\d)(?= (?:{WEEKDAY}|{NEAR})\b)",
    r"(?:(?<=day |row )|(?<=tonight ))(?P<h>\d{1,2})\.(?P<m>00|1[3-9]|[2-5]\d)$",
    r"(?<=day |row )(?P<h>0\d)(?P<m>[0-5]\d)$",
    r"(?:(?<=today |orrow )|(?<=tonight ))(?P<h>1\d)(?P<m>[0-5]\d)$",
    r"(?:(?<=today |orrow )|(?<=tonight ))(?P<h>2[0-3])(?P<m>[0-5]\d)$",
    r"(?<!in )(?<!last )(?<!past )\b(?P<h>\d{1,2}) hour\b(?! ago)(?! later)",
    r"\bat (?P<bare>\d{1,2})\b(?: oclock)?",
    r"\b(?P<bare>\d{1,2}) oclock\b",
    rf"\b(?P<bare>\d{{1,2}})(?= (?:{PART}|tonight)\b)",
    rf"^(?P<bare>\d{{1,2}})(?= (?:{NEAR}|(?:{WEEKDAY}) (?:{PART}))\b)",
    r"(?<!\S)(?:(?<=^today )|(?<=^tomorrow )|(?<=^tonight ))(?P<bare>\d{1,2})$",
)


def take_hour(text: str) -> tuple[str, Hour | None]:
    """The text without its time of day, and that time; 24:00 is the end of a day, other hours are not checked here."""
    for pattern in CLOCKS:
        found = re.search(pattern, text)
        if found:
            said = found.groupdict()
            rest = " ".join((text[: found.start()] + " " + text[found.end() :]).split())
            return rest, _hour(int(said.get("h") or said["bare"]), int(said.get("m") or 0), said)
    return text, None


def _hour(hour: int, minute: int, said: Mapping[str, str | None]) -> Hour:
    half = said.get("half")
    if half and 1 <= hour <= 12:
        return Hour(hour % 12 + (12 if half == "pm" else 0), minute, True)
    return Hour(hour, minute, not said.get("bare") or hour > 12 or hour == 0)


def take_part(text: str) -> tuple[str, str | None]:
    """The text without its part of the day ("morning", "noon"), and that part; "tonight" is today's night."""
    text = re.sub(r"\btonight\b", "today night", text)
    found = re.search(rf"\b({PART})\b", text)
    if not found:
        return text, None
    return " ".join((text[: found.start()] + " " + text[found.end() :]).split()), found[1]

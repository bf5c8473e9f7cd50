"""Feasts that people name instead of a date, in four languages: when each is, and what it is called.

Movable feasts count from Easter of the Gregorian calendar (`dateutil.easter`), the others follow a rule within the
year. Holidays that differ between countries are those of the United States where the name is English ("Labor Day"),
and 1 May where it is the worker's day of the other three languages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta

from dateutil.easter import easter
from dateutil.relativedelta import FR, MO, TH, relativedelta

from domain.day_spans import FIRST_YEAR, LAST_YEAR, Days

FROM_EASTER_DAYS: Mapping[str, int] = {
    "ashwednesday": -46, "palmsunday": -7, "holyweek": -6, "maundythursday": -3, "goodfriday": -2, "holysaturday": -1,
    "easter": 0, "eastermonday": 1, "ascension": 39, "whitsun": 49, "whitmonday": 50, "corpuschristi": 60,
}  # fmt: skip
IN_YEAR: Mapping[str, relativedelta] = {
    "newyear": relativedelta(month=1, day=1),
    "epiphany": relativedelta(month=1, day=6),
    "mlkday": relativedelta(month=1, day=1, weekday=MO(3)),
    "valentine": relativedelta(month=2, day=14),
    "presidentsday": relativedelta(month=2, day=1, weekday=MO(3)),
    "stpatrick": relativedelta(month=3, day=17),
    "mayday": relativedelta(month=5, day=1),
    "memorialday": relativedelta(month=5, day=31, weekday=MO(-1)),
    "juneteenth": relativedelta(month=6, day=19),
    "independenceday": relativedelta(month=7, day=4),
    "assumption": relativedelta(month=8, day=15),
    "laborday": relativedelta(month=9, day=1, weekday=MO(1)),
    "germanunity": relativedelta(month=10, day=3),
    "columbusday": relativedelta(month=10, day=1, weekday=MO(2)),
    "halloween": relativedelta(month=10, day=31),
    "allsaints": relativedelta(month=11, day=1),
    "veteransday": relativedelta(month=11, day=11),
    "thanksgiving": relativedelta(month=11, day=1, weekday=TH(4)),
    "blackfriday": relativedelta(month=11, day=2, weekday=FR(4)),
    "christmaseve": relativedelta(month=12, day=24),
    "christmas": relativedelta(month=12, day=25),
    "boxingday": relativedelta(month=12, day=26),
    "newyearseve": relativedelta(month=12, day=31),
}
LASTING_DAYS: Mapping[str, int] = {"holyweek": 7}
"""Feasts of more than one day; Holy Week is the ISO week that Easter ends, Monday to Sunday."""
FEASTS = (*FROM_EASTER_DAYS, *IN_YEAR)
FEAST = "|".join(FEASTS)

# feast: its names, folded, without "l'" and "d'"
CALLED = """
ashwednesday: ash wednesday, miercoles de ceniza, aschermittwoch, mercredi des cendres
palmsunday: palm sunday, domingo de ramos, palmsonntag, dimanche des rameaux
holyweek: holy week, semana santa, semana de turismo, karwoche, semaine sainte
maundythursday: maundy thursday, jueves santo, grundonnerstag, gruendonnerstag, jeudi saint
goodfriday: good friday, viernes santo, karfreitag, vendredi saint
holysaturday: holy saturday, sabado santo, karsamstag, samedi saint
easter: easter, easter sunday, pascua, pascuas, domingo de pascua, domingo de resurreccion, ostern, ostersonntag
easter: paques, dimanche de paques
eastermonday: easter monday, lunes de pascua, ostermontag, lundi de paques
ascension: ascension, ascension day, himmelfahrt, christi himmelfahrt, jeudi de ascension
whitsun: whitsun, whit sunday, pentecost, pentecostes, pfingsten, pfingstsonntag, pentecote, dimanche de pentecote
whitmonday: whit monday, lunes de pentecostes, pfingstmontag, lundi de pentecote
corpuschristi: corpus christi, fronleichnam, fete dieu
newyear: new year, new years, new years day, ano nuevo, dia de ano nuevo, neujahr, neujahrstag, nouvel an, jour de an
epiphany: epiphany, epifania, dia de reyes, dreikonigstag, dreikoenigstag, heilige drei konige, epiphanie
mlkday: mlk day, martin luther king day, martin luther king jr day
valentine: valentines, valentines day, dia de san valentin, san valentin, valentinstag, saint valentin
presidentsday: presidents day
stpatrick: st patricks, st patricks day, saint patricks day
mayday: may day, dia del trabajo, dia del trabajador, dia de los trabajadores, tag der arbeit, fete du travail
memorialday: memorial day
juneteenth: juneteenth
independenceday: independence day
assumption: dia de la asuncion, mariahimmelfahrt, maria himmelfahrt, assomption
laborday: labor day, labour day
germanunity: tag der deutschen einheit
columbusday: columbus day, indigenous peoples day
halloween: halloween
allsaints: all saints day, todos los santos, dia de todos los santos, allerheiligen, toussaint
veteransday: veterans day
thanksgiving: thanksgiving, thanksgiving day, accion de gracias, dia de accion de gracias
blackfriday: black friday
christmaseve: christmas eve, xmas eve, nochebuena, heiligabend, heiliger abend, heiligen abend, veille de noel
christmas: christmas, christmas day, xmas, xmas day, navidad, navidades, dia de navidad, weihnachten, noel
christmas: 1. weihnachtstag, erster weihnachtstag, ersten weihnachtstag, weihnachtstag, jour de noel
boxingday: boxing day, zweiter weihnachtstag, zweiten weihnachtstag, stephanstag, 2. weihnachtstag
newyearseve: new years eve, new year eve, nye, nochevieja, silvester, sylvester, silvesterabend, saint sylvestre
"""


def _named() -> Mapping[str, str]:
    """Every name with its feast."""
    rows = (line.split(":") for line in CALLED.strip().splitlines())
    return {name.strip(): feast for feast, names in rows for name in names.split(",")}


NAMED = _named()
FEAST_WORDS = frozenset(word for name in NAMED for word in name.split())
NAME = re.compile(rf"(?<!\S)(?:{'|'.join(map(re.escape, sorted(NAMED, key=len, reverse=True)))})(?!\S)")


def with_feasts(text: str) -> str:
    """Folded words with each feast's name as one word of `FEASTS`."""
    return NAME.sub(lambda found: NAMED[found[0]], text)


def feast_days(feast: str, year: int) -> Days:
    """The days of one of `FEASTS` in a year of the calendar. Raises OverflowError for any other."""
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise OverflowError("date value out of range")
    if feast in FROM_EASTER_DAYS:
        first: date = easter(year) + timedelta(days=FROM_EASTER_DAYS[feast])
    else:
        first = date(year, 1, 1) + IN_YEAR[feast]
    return Days(first, first + timedelta(days=LASTING_DAYS.get(feast, 1)))

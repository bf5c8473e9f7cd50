"""What code recognises in a question: the records' names and the calendar's times, whole and in order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.operation import Operation
from evals.bench import bench
from tools.mentions import MOST, marks_of, mentions


class Cities(dict[str, Operation]):
    """Loaded cities; hypothesis prints arguments, and a city is long."""

    def __repr__(self) -> str:
        return f"Cities({', '.join(self)})"


@pytest.fixture(scope="module")
def cities() -> Iterator[Cities]:
    with bench() as where:
        yield Cities({name: where.operation(name) for name in ("berkeley", "boston", "montevideo")})


def marked(operation: Operation, question: str) -> str:
    """The marks as one line."""
    return " ".join(marks_of(question, operation, operation.demo_now.astimezone(operation.zone)))


@pytest.mark.parametrize(
    ("question", "marks"),
    [
        ("which bins near Sather Gate overflow by tomorrow noon?", "[site Sather Gate] [time tomorrow noon]"),
        ("how are the Zellerbach bins", "[site Zellerbach]"),
        ("anything in the West zone over 80%?", "[area West zone]"),
        ("fill of 1515731 now, and its pickups since Wednesday?", "[bin 1515731] [time Wednesday]"),
        ("T1 and truck two, compost only", "[truck T1 and truck two] [stream compost]"),
        ("Truck 1, four hours, and T2 and 3, no trips", "[truck Truck 1] [truck T2 and 3]"),
        ("t1, 10 am on friday", "[truck t1] [time 10 am on friday]"),
        ("trucks 1 and 2 tomorrow", "[truck trucks 1 and 2] [time tomorrow]"),
        ("Lkw 1 und 2 morgen früh", "[truck Lkw 1 und 2] [time morgen früh]"),
        ("are T1 and 3 free tomorrow?", "[truck T1 and 3] [time tomorrow]"),
        ("Sind Lkw 1 und 2 frei", "[truck Lkw 1 und 2]"),
        ("¿camión 1 y 3 disponibles?", "[truck camión 1 y 3]"),
        ("trucks 1, 2, and 3: km?", "[truck trucks 1, 2, and 3]"),
        ("compare trucks 1 and 2 km", "[truck trucks 1 and 2]"),
        ("truck 1, 3 sites at most", "[truck truck 1]"),
        ("truck 1 and 2 others", "[truck truck 1]"),
        ("truck 1, 8 tonight", "[truck truck 1] [time tonight]"),
        ("Lkw 1, 3 Wochen", "[truck Lkw 1] [time 3 Wochen]"),
        ("camión 1 y 3 contenedores", "[truck camión 1]"),
        ("truck 1, 12 noon", "[truck truck 1] [time 12 noon]"),
        ('near="Doe Library" when="Friday noon"', "[site Doe Library] [time Friday noon]"),
        ("Gate 3 & Gate 4, Gate 3/Gate 4", "[site Gate 3] [site Gate 4]"),
        ('(Doe) or "Evans Hall"', "[site Doe] [site Evans Hall]"),
        ("is https://cams.example/get?f=bin.jpg contaminated", "[file https://cams.example/get?f=bin.jpg]"),
        ("see https://x.example/?near=Doe", ""),
        ("what about the 3rd?", "[time 3rd]"),
        ("plan a round for the 4th", "[time 4th]"),
        ("the 6th truck of the 12th row", ""),
        ("T3 out tuesday 0600", "[truck T3] [time tuesday 0600]"),
        ("is pic_0412.jpg contaminated?", "[file pic_0412.jpg]"),
        ("missed pickups, last 2 weeks", "[time last 2 weeks]"),
        ("para mañana por la mañana", "[time mañana por la mañana]"),
        ("Three trucks, tomorrow at 6.", "[time tomorrow at 6]"),
        ("they leave half past five tomorrow", "[time half past five tomorrow]"),
        ("half past five tomorrow morning, two trucks", "[time half past five tomorrow morning]"),
        ("make it 9 tomorrow", "[time tomorrow]"),
        ("tonight, 5 trucks", "[time tonight]"),
        ("everything there tonight, within 1000 m", "[time tonight]"),
        ("everything full on Friday, 1000 m around it", "[time Friday]"),
        ("it was late Friday night", "[time Friday night]"),
        ("bins over 3.50 today", "[time today]"),
        ("out at 6.30 tomorrow morning", "[time 6.30 tomorrow morning]"),
        ("leave at one pm", "[time one pm]"),
        ("pickups missed since Easter in Back Bay", "[time Easter]"),
        ("by Labor Day or over the Thanksgiving weekend", "[time Labor Day] [time Thanksgiving weekend]"),
        ("compare it with the same weeks of last year", "[time same weeks of last year]"),
        ("tonnes in the year so far", "[time year so far]"),
        ("toneladas en lo que va del año", "[time en lo que va del año]"),
        ("depuis le début de l'année", "[time depuis le début de l'année]"),
        ("in der ersten Oktoberwoche", "[time ersten Oktoberwoche]"),
        ("pickups in the first week of October", "[time first week of October]"),
        ("la première semaine d'octobre", "[time première semaine d'octobre]"),
        ("l'an dernier, ce week-end", "[time l'an dernier] [time ce week-end]"),
        ("a week on Friday, or Monday week", "[time week on Friday] [time Monday week]"),
        ("fri pm and mon am", "[time fri pm and mon am]"),
        ("out by 6a tomorrow", "[time 6a tomorrow]"),
        ("leave at 6p, back 10:30p", "[time 6p] [time 10:30p]"),
        ("crews out 0600 hrs", "[time 0600 hrs]"),
        ("mañana a primera hora", "[time mañana a primera hora]"),
        ("which one am I to empty first", ""),
        ("zone 5 thirty percent", ""),
        ("emptied by Christmas", "[time Christmas]"),
        ("an Silvester, zwei Wagen", "[time Silvester]"),
        ("since New Year's", "[time New Year's]"),
        ("over Memorial Day, or Christmas week", "[time Memorial Day] [time Christmas week]"),
        ("full on Easter Monday", "[time Easter Monday]"),
        ("bins on Easter Road by Christmas", "[time Christmas]"),
        ("a good deal so far today", "[time today]"),
        ("tonnes today so far", "[time today so far]"),
        ("how far tomorrow", "[time tomorrow]"),
        ("la veille de Noël", "[time veille de Noël]"),
        ("what happened at Juneteenth Plaza", "[area Plaza]"),
        ("the memorial day stadium", "[area stadium]"),
        ("tomorrow, Park|from=2015-11-15|to=2015-12-15", "[time tomorrow] [time 2015-11-15] [time 2015-12-15]"),
        ("at=2025-08-31&of=bins", "[time 2025-08-31]"),
        ("near=memorial glade bin=1514014 trucks=T4 and T5", "[area memorial glade] [bin 1514014] [truck T4 and T5]"),
        ("skip=Sproul steps when=tmrw", "[site Sproul steps] [time tmrw]"),
        ("1516529 in, Valley LSB out", "[bin 1516529] [area Valley LSB]"),
        ("complaints: missing bin; South Hall Rd (the label", "[area South Hall Rd]"),
        ("bin by bin, for Boalt Hall", "[site Boalt Hall]"),
        ("combien près de rec sports", "[area rec sports]"),
        ("fast, no 1515694", "[bin 1515694]"),
        ("leave out Gate 3 and Gate 4, please", "[site Gate 3] [site Gate 4]"),
        ("the Anthropology and Art Practice Building", "[area Anthropology and Art Practice Building]"),
        ("full by the 5th around Doe", "[time 5th] [site Doe]"),
    ],
)  # fmt: skip
def test_names_and_times_are_recognised(cities: Cities, question: str, marks: str) -> None:
    assert marked(cities["berkeley"], question) == marks


@pytest.mark.parametrize(
    "question",
    [
        "can you help me", "does it matter, or one of them", "nobody may use it", "for at most 7 hours", "who is best",
        "bins on Easter Road", "bins at Easter Road", "bins on Christmas Street", "the Christmas Day hall",
        "complaints from Ascension school", "by Noel's house", "an Sylvester schicken",
        "the crowd at the May Day parade", "veterans day school", "how far away is it",
        "veille technologique", "lendemain", "the 2nd truck of the 3rd list", "abrí un ticket", "un bac",
        "ONE CREW, 1 TRUCKS", "just 1 and 2, 3 stays home", "ALL BINS, 6 h PER TRUCK",
        "for Christmas trees", "Noel says they are full", "happy new year", "zone 6a is full", "Eve asked",
        "bins 1001 to 1200", "more than before 1200", "1200 bins", "need a run w/ two trucks",
        "¿cuál es la primera?", "die ersten drei", "the eastern side",
        "within 300 m", "a nice pasta recipe for six", "two trucks", "is it still any good?", "the bins, please",
    ],
)  # fmt: skip
def test_everyday_words_are_neither_names_nor_times(cities: Cities, question: str) -> None:
    assert marked(cities["berkeley"], question) == ""


TWO_NAMES = {"Irving and Cambridge in front of starbucks"}
"""What the records call one site and people would call two."""


@pytest.mark.parametrize(("city", "most"), [("berkeley", 120), ("boston", 450), ("montevideo", 120)])
def test_a_name_of_the_records_is_one_mark(cities: Cities, city: str, most: int) -> None:
    for name in list(dict.fromkeys(cities[city].sites.values()))[:most]:
        found = re.findall(r"\[(?:site|area|bin) [^\]]*\]", marked(cities[city], f"bins near {name} tonight"))
        assert len(found) == 1 or name in TWO_NAMES, name


def test_a_circuit_is_an_area_and_a_stop_on_it_a_site(cities: Cities) -> None:
    assert marked(cities["montevideo"], "circuit F_DU_RM_CL_12") == "[area F_DU_RM_CL_12]"
    assert marked(cities["montevideo"], "F_DU_RM_CL_12 stop 018?") == "[site F_DU_RM_CL_12 stop 018]"


def test_a_list_of_names_is_cut(cities: Cities) -> None:
    ids = list(cities["berkeley"].bins)[:30]
    assert len(mentions(" ".join(ids), cities["berkeley"], datetime(2025, 8, 31).astimezone())) == MOST


@settings(max_examples=60, deadline=None)
@given(text=st.text(max_size=80))
def test_any_text_is_read_and_a_mention_is_a_stretch_of_it(cities: Cities, text: str) -> None:
    operation = cities["berkeley"]
    for found in mentions(text, operation, operation.demo_now.astimezone(operation.zone)):
        assert found.words in text

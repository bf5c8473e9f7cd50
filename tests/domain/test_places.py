"""Names of places, bins and streams, on real site names of the campus records and of Boston and Montevideo."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import AmbiguousName, AskAgain, OutOfRange, UnknownName
from domain.names import CODE
from domain.places import AreaName, BinName, Gazetteer, SiteName, distance_m, is_twin, point_of
from domain.values import Place

CITY = Path(__file__).parents[2] / "cities" / "berkeley"
STREAMS = {
    "Waste": ["landfill", "trash", "garbage"],
    "Compostables": ["compost", "organics", "green waste"],
    "Bottles/Cans": ["recycling", "bottles and cans", "B/C", "containers"],
}
SITES = [
    SiteName("u04", "U04 Zellerbach", 37.86941, -122.26061),
    SiteName("e12", "E12 Evans Hall Bus Stop", 37.87342, -122.25738),
    SiteName("w11", "W11 Moffitt Library @ Press", 37.87282, -122.26012),
    SiteName("e03", "E03 University Library", 37.87286, -122.25930, ("Doe", "Doe Library")),
    SiteName("e09", "E09- East Asian Library", 37.87355, -122.25999),
    SiteName("u15", "U15 Sather Gate", 37.87014, -122.25936),
    SiteName("u13", "U13 Bancroft Way", 37.86908, -122.25907, ("Bancroft Way site",)),
    SiteName("u10a", "U10 Golden Bear Walkway", 37.86981, -122.25955),
    SiteName("u10b", "U10 GoldenBear Walkway", 37.86984, -122.25954),
    SiteName("gbc", "Golden Bear Cafe", 37.86978, -122.25962),
    SiteName("u11", "U11 Golden Bear Cafe Entry", 37.86990, -122.25960),
    SiteName("e24", "E24 Chiet Hall", 37.87174, -122.25400),
    SiteName("cheit2", "Cheit Hall 2", 37.87189, -122.25444),
    SiteName("w06", "W06 West Circle", 37.87208, -122.26226),
    SiteName("wc", "West Circle", 37.86954, -122.25622),
    SiteName("u06", "U06 Bear's Lair", 37.86881, -122.26009),
    SiteName("u25b", "U25 Anthropology and Art Practice (B/C)", 37.86956, -122.25498),
    SiteName("u25c", "U25 Anthropology and Art Practice (Compost)", 37.86956, -122.25499),
    SiteName("g3", "Stadium Gate 3", 37.87063, -122.25175),
    SiteName("g4", "Stadium Gate 4", 37.87034, -122.25147),
    SiteName("e30a", "E30 Soda Hall NW", 37.87590, -122.25908),
    SiteName("e30b", "E30 Tan Hall North Side", 37.87314, -122.25660),
    SiteName("u14", "U14 Sproul Hall Steps", 37.86977, -122.25890),
    SiteName("u20", "U20 Sproul Hall UCPD", 37.86912, -122.25890),
]
AREAS = [
    AreaName("East zone", "zone", 37.87314, -122.25763, 275, ("e03", "e09", "e12", "e24"), ("E zone", "east campus")),
    AreaName("Bancroft Way", "street", 37.86908, -122.25907, 100, (), ("Bancroft",)),
    AreaName("Sproul", "landmark", 37.86965, -122.25895, 116, (), ("Sproul Hall", "Sproul Plaza")),
]


def _bins() -> Iterator[BinName]:
    for number, site in enumerate(SITES):
        stream = {"u25b": ["Bottles/Cans"], "u25c": ["Compostables"]}.get(site.site_id, list(STREAMS))
        for offset, name in enumerate(stream):
            yield BinName(str(1514000 + 10 * number + offset), site.site_id, name)


BINS = list(_bins())
CAMPUS = Gazetteer(SITES, AREAS, BINS, ["Truck 1", "Truck 2", "Truck 3"], STREAMS)


def held(*site_ids: str, stream: str | None = None) -> tuple[str, ...]:
    return tuple(b.bin_id for b in BINS if b.site_id in site_ids and stream in {None, b.stream})


# ---------------------------------------------------------------- places


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("Zellerbach", "U04 Zellerbach"),
        ("zelerbach", "U04 Zellerbach"),
        ("the Zellerbach bins", "U04 Zellerbach"),
        ("Zellerbach Hall", "U04 Zellerbach"),
        ("U04", "U04 Zellerbach"),
        ("u 04", "U04 Zellerbach"),
        ("evans hal", "E12 Evans Hall Bus Stop"),
        ("moffit", "W11 Moffitt Library @ Press"),
        ("moffitt lib", "W11 Moffitt Library @ Press"),
        ("the East Asian Library", "E09- East Asian Library"),
        ("near sather gate", "U15 Sather Gate"),
        ("within 200 m of Sather Gate", "U15 Sather Gate"),
        ("cerca de Sather Gate", "U15 Sather Gate"),
        ("in der Nähe von Sather Gate", "U15 Sather Gate"),
        ("près de Sather Gate", "U15 Sather Gate"),
        ("SATHERGATE", "U15 Sather Gate"),
        ("bears lair", "U06 Bear's Lair"),
        ("BEAR’S LAIR", "U06 Bear's Lair"),
        ("goldenbear café", "Golden Bear Cafe"),
        ("stadium gate three", "Stadium Gate 3"),
        ("doe", "E03 University Library"),
        ("Bancroft", "Bancroft Way"),
        ("bancroft ave", "Bancroft Way"),
        ("Sproul Plaza", "Sproul"),
        ("east campus", "East zone"),
        ("bin 1514000", "U04 Zellerbach"),
        ("the compost bin at Zellerbach", "U04 Zellerbach"),
    ],
)
def test_people_s_words_find_the_place(words: str, name: str) -> None:
    assert CAMPUS.place(words).name == name


def test_an_exact_name_wins_over_longer_names_that_contain_it() -> None:
    assert CAMPUS.place("Golden Bear Cafe").site_ids == ("gbc",)
    assert CAMPUS.place("West Circle").site_ids == ("wc",)
    assert CAMPUS.place("W06 West Circle").site_ids == ("w06",)


def test_an_area_named_in_full_wins_over_a_site_that_has_a_code_before_that_name() -> None:
    street = CAMPUS.place("Bancroft Way")
    assert (street.kind, street.is_area, street.radius_m) == ("street", True, 100)
    assert CAMPUS.place("U13 Bancroft Way").kind == "site"
    assert CAMPUS.place("the Bancroft Way site").name == "U13 Bancroft Way"


def test_a_zone_brings_the_sites_that_the_records_give_it() -> None:
    assert CAMPUS.place("East zone").site_ids == ("e03", "e09", "e12", "e24")


def test_a_name_shared_by_several_sites_is_a_question_with_those_sites() -> None:
    with pytest.raises(AmbiguousName) as caught:
        CAMPUS.place("library")
    assert set(caught.value.choices) == {
        "W11 Moffitt Library @ Press", "E03 University Library", "E09- East Asian Library",
    }  # fmt: skip


def test_a_code_used_twice_is_a_question() -> None:
    with pytest.raises(AmbiguousName) as caught:
        CAMPUS.place("E30")
    assert caught.value.choices == ("E30 Soda Hall NW", "E30 Tan Hall North Side")


@pytest.mark.parametrize("words", ["Zellerbach playhouse", "Stadium Gate 5", "Fenway Park", "", "near", "xyzzy", "???"])
def test_a_name_nobody_has_is_a_question_and_never_a_guess(words: str) -> None:
    with pytest.raises(UnknownName) as caught:
        CAMPUS.place(words)
    assert len(caught.value.choices) <= 3


def test_an_unknown_name_brings_the_nearest_ones() -> None:
    with pytest.raises(UnknownName, match="U04 Zellerbach"):
        CAMPUS.place("Zellerbach playhouse")


def test_two_records_of_one_spot_are_one_place_that_names_both() -> None:
    place = CAMPUS.place("golden bear walkway")
    assert place.site_ids == ("u10a", "u10b")
    assert place.name == "U10 Golden Bear Walkway (with U10 GoldenBear Walkway)"
    assert set(CAMPUS.place("cheit hall").site_ids) == {"cheit2", "e24"}


def test_a_record_named_in_full_is_not_merged_with_its_twin() -> None:
    assert CAMPUS.place("U10 GoldenBear Walkway").site_ids == ("u10b",)
    assert CAMPUS.place("Stadium Gate 3").site_ids == ("g3",)
    assert CAMPUS.place("gate 3").site_ids == ("g3",)


def test_sites_of_one_name_but_far_apart_are_no_twins() -> None:
    near, far = (site for site in SITES if site.name.endswith("West Circle"))
    assert distance_m(near.lat, near.lon, far.lat, far.lon) > 150
    assert not is_twin(near, far)


def test_two_sites_of_one_name_are_told_apart_by_their_ids() -> None:
    city = Gazetteer(
        [SiteName("s-1", "Main Street", 0.0, 0.0), SiteName("s-2", "Main Street", 0.1, 0.1)], [], [], [], {}
    )
    with pytest.raises(AmbiguousName) as caught:
        city.place("Main St.")
    assert [city.place(choice).site_ids for choice in caught.value.choices] == [("s-1",), ("s-2",)]


def test_a_house_number_must_be_right() -> None:
    city = Gazetteer(
        [
            SiteName("1", "130 Brighton Ave / Corner of Harvard", 42.35, -71.13),
            SiteName("2", "138 Brighton Ave / Corner of Harvard & Brighton", 42.36, -71.13),
            SiteName("3", "1330 Boylston @ Jersey Street", 42.34, -71.1),
        ],
        [],
        [],
        [],
        {},
    )
    assert city.place("138 brighton avenue").site_ids == ("2",)
    assert city.place("boylston and jersey").site_ids == ("3",)
    with pytest.raises(UnknownName):
        city.place("139 Brighton Ave")


def test_circuits_are_found_by_their_codes() -> None:
    names = ["C_DU_RM_CL_01", "C_DU_RM_CL_02", "CH_DU_RM_CL_01"]
    city = Gazetteer([], [AreaName(name, "circuit", -34.9, -56.2) for name in names], [], [], {})
    assert city.place("circuit C_DU_RM_CL_02").name == "C_DU_RM_CL_02"
    assert city.place("ch du rm cl 1").name == "CH_DU_RM_CL_01"
    with pytest.raises(AskAgain):
        city.place("DU_RM_CL_01")


def test_a_number_in_a_name_does_not_answer_for_a_code_nobody_has() -> None:
    names = ["C_DU_RM_CL_08 stop 099", "CH_DU_RM_CL_07 stop 012", "CH_DU_RM_CL_12 stop 007"]
    city = Gazetteer([SiteName(name, name, -34.9, -56.2) for name in names], [], [], [], {})
    assert city.place("CH 7 stop 12").name == "CH_DU_RM_CL_07 stop 012"
    for words in ("C 99", "district 7"):
        with pytest.raises(UnknownName):
            city.place(words)


@pytest.mark.parametrize(
    ("words", "lat", "lon"),
    [
        ("37.87,-122.26", 37.87, -122.26),
        ("37.87 N, 122.26 W", 37.87, -122.26),
        ("37.87° N 122.26° W", 37.87, -122.26),
        ("(37.87, -122.26)", 37.87, -122.26),
        ("lat 37.87, lon -122.26", 37.87, -122.26),
        ("34.9 S, 56.2 W", -34.9, -56.2),
    ],
)
def test_coordinates_are_a_point(words: str, lat: float, lon: float) -> None:
    place = CAMPUS.place(words)
    assert (place.kind, place.lat, place.lon, place.radius_m) == ("point", lat, lon, None)


def test_coordinates_off_the_earth_are_asked_back() -> None:
    with pytest.raises(OutOfRange, match="latitude first"):
        CAMPUS.place("-122.26, 37.87")


@given(st.floats(-90, 90), st.floats(-180, 180))
def test_any_point_of_the_earth_is_read_as_written(lat: float, lon: float) -> None:
    place = point_of(f"{lat:.5f}, {lon:.5f}")
    assert place is not None
    assert (place.lat, place.lon) == (float(f"{lat:.5f}"), float(f"{lon:.5f}"))


# ---------------------------------------------------------------- bins


@pytest.mark.parametrize("words", ["1514000", "bin 1514000", "B-1514000", "b1514000", "#1514000", "bin no. 1514000"])
def test_a_bin_is_found_by_its_id_however_it_is_written(words: str) -> None:
    assert CAMPUS.bins([words]).bin_ids == ("1514000",)


def test_ids_with_letters_and_zeros_are_found_without_them() -> None:
    city = Gazetteer(SITES[:1], [], [BinName(f"BOS-{n:03}", "u04", "Waste") for n in range(1, 130)], [], STREAMS)
    for words in ("BOS-012", "bos 12", "bin BOS12", "bin 12", "B-12", "12"):
        assert city.bins([words]).bin_ids == ("BOS-012",), words
    with pytest.raises(UnknownName, match="no bin called “BOS-999”"):
        city.bins(["BOS-999"])


def test_an_id_nobody_has_is_a_question_with_the_nearest_real_ids() -> None:
    with pytest.raises(UnknownName) as caught:
        CAMPUS.bins(["B-1514003"])
    assert set(caught.value.choices) <= {b.bin_id for b in BINS}
    assert len(caught.value.choices) == 3
    with pytest.raises(UnknownName):
        CAMPUS.bins(["B-99999"])


@pytest.mark.parametrize("words", [["1514010 and 1514000"], ["bins 1514000, 1514010"], ["1514010", "1514000"]])
def test_bins_come_in_record_order_and_once(words: list[str]) -> None:
    assert CAMPUS.bins([*words, *words]).bin_ids == ("1514000", "1514010")


def test_a_site_stands_for_all_its_bins() -> None:
    found = CAMPUS.bins(["the zellerbach bins"])
    assert found.bin_ids == held("u04")
    assert found.names == ("U04 Zellerbach",)


@pytest.mark.parametrize(
    "words", ["zellerbach compost bin", "the compost at Zellerbach", "Compostables bin by zelerbach", "U04 organics"]
)
def test_a_stream_in_the_words_leaves_only_its_bins(words: str) -> None:
    assert CAMPUS.bins([words]).bin_ids == held("u04", stream="Compostables")


def test_a_word_for_any_bin_is_no_stream_in_a_phrase() -> None:
    assert CAMPUS.bins(["the containers at Zellerbach"]).bin_ids == held("u04")


def test_one_stream_counts_for_all_sites_of_a_list() -> None:
    assert CAMPUS.bins(["compost at Zellerbach and Sather Gate"]).bin_ids == held("u04", "u15", stream="Compostables")


def test_each_part_of_a_list_keeps_its_own_stream() -> None:
    found = CAMPUS.bins(["zellerbach compost and moffitt recycling"])
    assert set(found.bin_ids) == {*held("u04", stream="Compostables"), *held("w11", stream="Bottles/Cans")}


def test_bins_of_one_spot_that_are_recorded_as_sites_are_found_together_and_by_stream() -> None:
    assert CAMPUS.bins(["anthropology and art practice"]).bin_ids == held("u25b", "u25c")
    assert CAMPUS.bins(["anthropology compost bin"]).bin_ids == held("u25c")


def test_a_stream_that_a_site_lacks_is_a_question_with_what_is_there() -> None:
    with pytest.raises(UnknownName) as caught:
        CAMPUS.bins(["the landfill bin at U25 Anthropology and Art Practice"])
    assert set(caught.value.choices) == {f"{s} at {CAMPUS.place('anthropology').name}" for s in list(STREAMS)[:0:-1]}


def test_an_area_named_for_bins_means_the_sites_that_bear_its_name() -> None:
    assert set(CAMPUS.bins(["the sproul bins"]).bin_ids) == set(held("u14", "u20"))


def test_a_site_wins_over_a_street_of_its_name_when_bins_are_asked_for() -> None:
    assert CAMPUS.bins(["bancroft way"]).bin_ids == held("u13")


def test_all_bins_and_all_bins_of_a_stream_can_be_named() -> None:
    assert len(CAMPUS.bins(["all bins"]).bin_ids) == len(BINS)
    assert CAMPUS.bins(["all compost bins"]).bin_ids == held(*(s.site_id for s in SITES), stream="Compostables")


def test_no_words_mean_no_bins_and_bare_bins_are_a_question() -> None:
    assert CAMPUS.bins([]).bin_ids == ()
    with pytest.raises(UnknownName):
        CAMPUS.bins(["the bins"])


# ---------------------------------------------------------------- streams


@pytest.mark.parametrize(
    ("words", "stream"),
    [
        ("compost", "Compostables"),
        ("Compostables", "Compostables"),
        ("compost bins", "Compostables"),
        ("recyling", "Bottles/Cans"),
        ("bottles & cans", "Bottles/Cans"),
        ("b/c", "Bottles/Cans"),
        ("containers", "Bottles/Cans"),
        ("the landfil", "Waste"),
        ("Biomüll", "Compostables"),
        ("orgánicos", "Compostables"),
        ("déchets organiques", "Compostables"),
        ("Restmüll", "Waste"),
        ("basura", "Waste"),
    ],
)
def test_streams_are_found_by_what_people_call_them(words: str, stream: str) -> None:
    assert CAMPUS.stream(words) == stream


@pytest.mark.parametrize("words", ["the rest", "die Tour", "tout", "late", "very", "dozen"])
def test_what_only_looks_like_a_translation_is_no_stream(words: str) -> None:
    with pytest.raises(UnknownName):
        CAMPUS.stream(words)


def test_a_stream_nobody_collects_is_a_question_with_the_streams() -> None:
    with pytest.raises(UnknownName) as caught:
        CAMPUS.stream("glass")
    assert set(caught.value.choices) <= set(STREAMS)
    assert caught.value.choices


# ---------------------------------------------------------------- for any words, and for a whole city


@given(st.text(max_size=40))
def test_no_words_break_the_resolver(words: str) -> None:
    for ask in (CAMPUS.place, CAMPUS.stream, lambda said: CAMPUS.bins([said]), lambda said: CAMPUS.trucks([said])):
        with suppress(AskAgain):
            ask(words)


@given(st.sampled_from(SITES), st.sampled_from([str.upper, str.lower, str.title, lambda name: f"  the {name}, "]))
def test_every_site_is_found_by_its_own_name(site: SiteName, spelling: type[str]) -> None:
    assert CAMPUS.place(spelling(site.name)).site_ids == (site.site_id,)


@given(st.sampled_from(SITES), st.data())
def test_one_typing_error_never_leads_to_another_spot(site: SiteName, data: st.DataObject) -> None:
    coded = CODE.match(site.name)
    name = coded["rest"] if coded else site.name
    letters = [at for at, char in enumerate(name) if char.isalpha()]
    at = data.draw(st.sampled_from(letters))
    wrong = name[:at] + data.draw(st.sampled_from("aeiourstln")) + name[at + data.draw(st.integers(0, 1)) :]
    try:
        found = CAMPUS.place(wrong)
    except AskAgain:
        return
    assert found == CAMPUS.place(name) or site.site_id in found.site_ids or _near(found, site)


def _near(place: Place, site: SiteName) -> bool:
    return distance_m(place.lat, place.lon, site.lat, site.lon) < 150


def _city() -> tuple[Gazetteer, list[SiteName]]:
    with (CITY / "sites.csv").open(encoding="utf-8") as lines:
        sites = [SiteName(r["site_id"], r["name"], float(r["lat"]), float(r["lon"])) for r in csv.DictReader(lines)]
    spoken = tomllib.loads((CITY / "city.toml").read_text(encoding="utf-8"))["aliases"]["places"]
    named = [SiteName(s.site_id, s.name, s.lat, s.lon, tuple(spoken.get(s.name, ()))) for s in sites]
    return Gazetteer(named, [], [], [], {}), named


def test_every_site_of_the_shipped_city_is_found_by_its_name_and_by_what_people_call_it() -> None:
    gazetteer, sites = _city()
    for site in sites:
        for words in (site.name, *site.aliases):
            assert site.site_id in gazetteer.place(words).site_ids, words


def test_every_choice_that_a_question_offers_is_an_answer() -> None:
    gazetteer, _ = _city()
    for words in ("library", "hall", "golden bear", "hearst", "sproul", "campanile way", "E30", "VLSB", "cafe", "gate"):
        with pytest.raises(AmbiguousName) as caught:
            gazetteer.place(words)
        for choice in caught.value.choices:
            assert gazetteer.place(choice).name.startswith(choice)

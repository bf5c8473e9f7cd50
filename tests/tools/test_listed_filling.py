"""Slots are filled together: what one takes the other seldom has too, and what is needed and not said is asked for."""

from __future__ import annotations

from tools.listed import ListedTool
from tools.listed_filling import filled, unread
from tools.listed_reader import Meant, Told

TOOL = ListedTool(
    "book",
    "",
    {"properties": {"vehicle": {}, "job": {}, "urgent": {"type": "boolean"}}, "required": ["vehicle", "job"]},
)
SWEEPER, SERVICE = (4, 15), (17, 39)
SAID, UNSAID = 5.0, -5.0
VEHICLE = Told(SAID, (Meant("the sweeper", -0.1, SWEEPER), Meant("service", -3.0, SERVICE)))


def job(first: float, second: float) -> Told:
    """The job's values, the vehicle's stretch first."""
    return Told(SAID, (Meant("the sweeper", first, SWEEPER), Meant("hydraulic service", second, SERVICE)))


def test_a_stretch_that_one_slot_takes_is_not_anothers() -> None:
    told = {"vehicle": VEHICLE, "job": job(-0.5, -1.0), "urgent": Told(UNSAID, (Meant(True, -0.1),))}
    assert filled(TOOL, told) == {"vehicle": "the sweeper", "job": "hydraulic service"}


def test_what_speaks_strongly_for_it_may_fill_both() -> None:
    told = {"vehicle": Told(SAID, VEHICLE.values[:1]), "job": job(-0.01, -9.0)}
    assert filled(TOOL, told) == {"vehicle": "the sweeper", "job": "the sweeper"}


def test_the_slot_that_is_less_sure_gives_way_wherever_it_stands() -> None:
    vehicle = Told(SAID, (Meant("the sweeper", -0.7, SWEEPER), Meant("hydraulic service", -0.8, SERVICE)))
    told = {"vehicle": vehicle, "job": job(-3.0, -0.1)}
    assert filled(TOOL, told) == {"vehicle": "the sweeper", "job": "hydraulic service"}
    told = {"vehicle": vehicle, "job": job(-0.1, -3.0)}
    assert filled(TOOL, told) == {"vehicle": "hydraulic service", "job": "the sweeper"}


def test_an_optional_slot_is_filled_only_when_that_is_likelier() -> None:
    told = {"vehicle": VEHICLE, "job": job(-9.0, -0.1)}
    likely = {**told, "urgent": Told(SAID, (Meant(True, -0.1), Meant(False, -2.3)))}
    assert filled(TOOL, likely) == {"vehicle": "the sweeper", "job": "hydraulic service", "urgent": True}
    assert filled(TOOL, {**told, "urgent": Told(0.5, (Meant(True, -0.7), Meant(False, -0.7)))}) == filled(TOOL, told)


def test_without_a_required_value_there_is_no_call() -> None:
    assert filled(TOOL, {"vehicle": VEHICLE, "job": Told(UNSAID, job(-0.1, -3.0).values)}) is None
    assert filled(TOOL, {"vehicle": VEHICLE, "job": Told(SAID, ())}) is None


def test_what_may_be_null_is_null_and_the_only_choice_is_taken() -> None:
    properties = {"date": {"type": ["string", "null"]}, "version": {"enum": ["v1"]}}
    tool = ListedTool("weather", "", {"properties": {**properties}, "required": [*properties]})
    told = {"date": Told(UNSAID, (Meant("Paris", -0.1),)), "version": Told(UNSAID, (Meant("v1", 0.0),))}
    assert filled(tool, told, "weather in Paris") == {"date": None, "version": "v1"}


def test_several_choices_are_meant_together_where_they_are_named() -> None:
    colours = ListedTool(
        "paint", "", {"properties": {"colours": {"type": "array", "items": {"enum": ["red", "blue", "black"]}}}}
    )
    told = {"colours": Told(SAID, (Meant(["red"], -0.2),))}
    assert filled(colours, told, "red, blue and black please") == {"colours": ["red", "blue", "black"]}
    assert filled(colours, told, "the colour of blood") == {"colours": ["red"]}


def test_a_slot_that_was_not_read_is_no_part_of_the_filling() -> None:
    assert filled(TOOL, {"vehicle": VEHICLE}) == {"vehicle": "the sweeper"}
    assert [slot.name for slot in unread(TOOL, {"vehicle": VEHICLE})] == ["job", "urgent"]


def test_a_choice_that_stands_in_the_question_in_its_own_words_is_meant() -> None:
    shifts = ListedTool("roster", "", {"properties": {"shift": {"enum": ["early", "night"]}}})
    told = {"shift": Told(UNSAID, (Meant("early", -0.1), Meant("night", -3.0)))}
    assert filled(shifts, told, "who is on nights") == {"shift": "night"}
    assert filled(shifts, told, "who is on early or on nights") == {}
    assert filled(shifts, told, "who is on") == {}

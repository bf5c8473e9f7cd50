"""tools/request_parts.py: where a request may begin, and where the shipped classifier finds that one does."""

from __future__ import annotations

import time

import pytest

from app import SHIPPED_REQUESTS
from tools.request_encoder import POSSIBLE, SURE, RequestParts, load_request_parts
from tools.request_parts import MOST, features, gaps, without_number


@pytest.fixture(scope="module")
def shipped() -> RequestParts:
    return load_request_parts(SHIPPED_REQUESTS)


def cut(message: str, places: list[int]) -> list[str]:
    """The message, parted."""
    return [message[start:end].strip() for start, end in zip([0, *places], [*places, len(message)], strict=True)]


@pytest.mark.parametrize(
    ("message", "parts"),
    [
        ("bins near the library", ["bins near the library"]),
        ("full bins? and the trucks", ["full bins?", "and the trucks"]),
        ("full bins and then the trucks", ["full bins", "and then the trucks"]),
        ("full bins, and then the trucks", ["full bins,", "and then the trucks"]),
        ("full bins + trucks", ["full bins", "+ trucks"]),
        ("full bins - und auch die Wagen", ["full bins", "- und auch die Wagen"]),
        ("- full bins - the trucks", ["- full bins", "- the trucks"]),
        ("1. full bins 2. the trucks", ["1. full bins", "2. the trucks"]),
        ("Both: a) full bins b) the trucks", ["Both:", "a) full bins", "b) the trucks"]),
        ("plan at 5. Which trucks?", ["plan at 5.", "Which trucks?"]),
        ("What, again?", ["What,", "again?"]),
    ],
)
def test_a_request_may_begin_behind_punctuation_at_a_conjunction_and_at_an_item(message: str, parts: list[str]) -> None:
    assert cut(message, gaps(message, ())) == parts


@pytest.mark.parametrize(
    "message",
    [
        "The note says: plan a round. And open a ticket",
        'How full is 12? He wrote "plan a round, and dispatch it"',
        "How full is 12? Customer email: 'Hello, open a ticket. Also, plan a round'",
        "Auf dem Zettel steht, plan a round, und open a ticket",
        "«plan a round» y open a ticket",
    ],
)
def test_no_request_begins_in_a_message_that_tells_others_words(message: str) -> None:
    assert gaps(message, ()) == []


@pytest.mark.parametrize(
    ("message", "parted"),
    [
        ("mail me when 12 is full. And the fleet?", True),
        ("E-mail me when 12 is full. And the fleet?", True),
        ("alert me by e-mail when 12 is full. And the fleet?", True),
        ("avísame por correo cuando 12 esté lleno. ¿Y los camiones?", True),
        ("gib mir per Mail Bescheid. Und die Flotte?", True),
        ("préviens-moi par courriel. Et les camions ?", True),
        ("mandame un correo cuando 12 esté lleno. ¿Y los camiones?", True),
        ("schick mir bitte eine Mail. Und die Flotte?", True),
        ("send me an e-mail when 12 is full. And the fleet?", True),
        ("notify me right away by email. And the fleet?", True),
        ("this came by mail: open a ticket for 12. And dispatch it", False),
        ("This was sent to me by mail: open a ticket for 12. And dispatch it", False),
        ("This reached me via mail. Open a ticket for 12. And dispatch it", False),
        ("das kam zu mir per Mail: plan a round. Und die Flotte?", False),
        ("venu chez moi par courriel : plan a round. Et les camions ?", False),
        ("The mail me and Bob got: open a ticket for 12. And dispatch it", False),
        ("mail from a resident: how full is 12? And the fleet?", False),
        ("el correo: abran un ticket. Y envíen los camiones", False),
    ],
)
def test_to_be_told_by_mail_is_nobody_elses_word(message: str, *, parted: bool) -> None:
    assert bool(gaps(message, ())) is parted


def test_no_request_begins_behind_a_condition_in_its_sentence() -> None:
    message = "How full is 12? If it is full, then plan a round, and dispatch it. And the fleet?"
    assert cut(message, gaps(message, ())) == [
        "How full is 12?",
        "If it is full, then plan a round, and dispatch it.",
        "And the fleet?",
    ]


@pytest.mark.parametrize("message", ["", "   ", "bins"])
def test_no_request_begins_in_nothing_and_in_a_word(message: str) -> None:
    assert gaps(message, ()) == []


@pytest.mark.parametrize(
    ("part", "message", "left"),
    [
        ("2) the fleet", "1) bins 2) the fleet", " the fleet"),
        ("(b) the fleet", "(a) bins (b) the fleet", " the fleet"),
        ("2) the fleet", "bins, 2) the fleet", "2) the fleet"),
        ("the 2) fleet", "1) the 2) fleet", "the 2) fleet"),
        ("2 trucks", "1. bins 2. trucks 2 trucks", "2 trucks"),
    ],
)
def test_an_items_number_is_none_of_what_it_asks(part: str, message: str, left: str) -> None:
    assert without_number(part, message) == left


def test_no_request_begins_inside_a_name() -> None:
    message = "bins at Ward and Main, and the trucks"
    assert cut(message, gaps(message, ())) == ["bins at Ward", "and Main,", "and the trucks"]
    assert cut(message, gaps(message, ["[site Ward and Main]"])) == ["bins at Ward and Main,", "and the trucks"]


@pytest.mark.parametrize(
    ("message", "parts"),
    [
        ("plan with truck 2 and truck 4 today", ["plan with truck 2 and truck 4 today"]),
        ("plan with truck 2 y el truck 4 today", ["plan with truck 2 y el truck 4 today"]),
        ("plan with truck 2, and is truck 4 free", ["plan with truck 2,", "and is truck 4 free"]),
        (
            "plan with truck 2 and then tell if truck 4 is free",
            ["plan with truck 2", "and then tell if truck 4 is free"],
        ),
        ("plan with truck 2 and Doe", ["plan with truck 2", "and Doe"]),
    ],
)
def test_names_of_one_kind_are_a_list(message: str, parts: list[str]) -> None:
    assert cut(message, gaps(message, ["[truck truck 2]", "[truck truck 4]", "[site Doe]"])) == parts


def test_names_are_read_by_their_kinds() -> None:
    one, other = (f"bins at {name}, and the trucks" for name in ("Doe", "Sather Gate"))
    read = [features(said, [f"[site {said[8 : said.index(',')]}]"], said.index("and")) for said in (one, other)]
    assert read[0] == read[1]
    assert features(one, (), one.index("and")) != read[0]


@pytest.mark.parametrize(
    ("message", "parts"),
    [
        ("When was bin 12 emptied last? And how full is it now?", 2),
        ("¿Cuántos camiones hay mañana? ¿Y cómo está el contenedor 12?", 2),
        (
            "1. distance per truck last month 2. which bins will overflow by Friday 3. is the fill forecast any good",
            3,
        ),
        ("which bins near the library are above 80 percent", 1),
        ("Good morning, and thanks for yesterday. Which bins near the library are above 80 percent?", 1),
        ("plan tomorrow with truck 1 and truck 2, all bins, back by noon, and as cheap as you can", 1),
        ("thanks", 1),
    ],
)
def test_the_shipped_classifier_tells_requests_apart(shipped: RequestParts, message: str, parts: int) -> None:
    assert len(shipped.begins(message, ())) == parts - 1


def test_more_requests_than_are_answered_at_once_stay_with_the_last(shipped: RequestParts) -> None:
    asked = "And how full is bin 12 now? And when was it emptied last? "
    message = f"Which trucks are free tomorrow? {asked * MOST}".strip()
    found = sorted(shipped.begins(message, ()))
    assert len(found) == MOST - 1
    odds = shipped.odds(message, ())
    assert found == [at for at in gaps(message, ()) if odds[at] > SURE][: MOST - 1]


def test_possible_are_the_sure_ones_and_the_likeliest_of_the_others(shipped: RequestParts) -> None:
    message = f"Which trucks are free tomorrow? {'And the bins, then 12, or so. ' * 20}".strip()
    odds, found = shipped.odds(message, ()), shipped.possible(message, ())
    assert found == {at: odds[at] for at in found}
    assert list(found.values()) == sorted(found.values(), reverse=True)
    unsure = [told for told in found.values() if told <= SURE]
    assert min(unsure) > POSSIBLE
    assert unsure == sorted((told for told in odds.values() if POSSIBLE < told <= SURE), reverse=True)[: MOST - 1]
    assert shipped.begins(message, ()) == [at for at, told in found.items() if told > SURE]


@pytest.mark.parametrize(
    ("message", "marks"),
    [("plan tomorrow, and then show the bins. ", ()), ("12, ", ("[bin 12]",)), ("12 and 12 ", ("[bin 12]",))],
)
def test_a_long_message_is_told_apart_in_no_time(shipped: RequestParts, message: str, marks: tuple[str, ...]) -> None:
    message = (message * 1_000)[:4_000]
    began = time.perf_counter()
    begins = shipped.begins(message, marks)
    assert time.perf_counter() - began < 10  # and not minutes, as where each gap reads the whole
    told = shipped.odds(message, marks)
    odds = [told[at] for at in begins]
    assert odds == sorted(odds, reverse=True)

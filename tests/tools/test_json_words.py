"""What a program sends as JSON, in words."""

from __future__ import annotations

import pytest

from tools.json_words import in_words, texts_in


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ('{"metric":"tonnage","period":"last month"}', "metric: tonnage, period: last month"),
        ('{"plan":"P-0833","modify":{"skip":["1515703","1515712"]}}', "plan: P-0833, modify skip: 1515703, 1515712"),
        ('{"maxRows":3,"fill_gte":7.5,"urgent":true,"note":null,"x":[]}', "max Rows: 3, fill gte: 7.5, urgent: yes"),
        ('run {"near": "Gate 3"} now, and {"limit": 5}', "run near: Gate 3 now, and limit: 5"),
        ('{"do":[{"a":1},{"b":"two"}]}', "do a: 1, do b: two"),
        ('{"exclude":{"truck":"T1"},"plan":{"truck":"T2"}}', "exclude truck: T1, plan truck: T2"),
        ('{"limit":1e1,"most":NaN}', "limit: 1e1"),
        ("{x} " * 9 + '{"near":"Gate 3"}', "{x} " * 9 + "near: Gate 3"),
        ('{"a\\u0000b":"x\\ud800y\\nz"}', "a b: x y z"),
        ('{"near":"Caf\\u00e9 \\"Nord\\""}', 'near: Café "Nord"'),
    ],
)
def test_each_object_is_told_in_pairs(sent: str, told: str) -> None:
    assert in_words(sent) == told
    assert in_words(told) == told


@pytest.mark.parametrize(
    "sent", ["", "plan tonight", "a {b} c", "{}", '{"x":null}', '{"cut": "off', "{" * 50_000, '["a", "b"]', "}{"]
)
def test_what_is_no_object_stays(sent: str) -> None:
    assert in_words(sent) == sent


@pytest.mark.parametrize("depth", [300, *range(900, 1000, 3), 20_000])
def test_deep_objects_stay_or_are_told_and_never_fail(depth: int) -> None:
    assert in_words('{"a":' * depth + "1" + "}" * depth)


def test_texts_of_several_words_are_what_a_value_says() -> None:
    sent = 'log {"bin":"8166","text":"gate  locked, crew back","more":[{"why":"a dog, they say"},"x y"]} {"text":"x y"}'
    assert texts_in(sent) == ("gate locked, crew back", "a dog, they say", "x y")
    assert all(text in in_words(sent) for text in texts_in(sent))
    assert texts_in("gate locked, {crew} back") == ()

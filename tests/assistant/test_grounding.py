"""Law 2: no digit, date or number word of the model's own reaches a person; references are filled from results."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.compose import compose
from assistant.graph import State, fresh_state
from assistant.grounding import ground, has_figure, render_results
from assistant.memory import Past
from domain.values import Evidence, Facts, Reason, Result
from tools.words import DECLINES, NOTICES, QUESTIONS, REPLIES


class KmFacts(Facts):
    """Something with numbers."""

    plan_id: str = "P-0042"
    distance_km: float = 12.5
    bins: int = 1234
    note: str = "{{1.bins}} and {bins}"


RESULT = Result[KmFacts](
    headline="Plan {plan_id} is {distance_km} km for {bins} bins.",
    facts=KmFacts(),
    why=[Reason(text="It is short.", evidence=[Evidence(label="plan", ref="plans:P-0042")])],
    data_age="records of today",
)
RENDERED = render_results([RESULT])
WORDS = st.text(st.characters(categories=["Lu", "Ll", "Po", "Zs"]), max_size=40).filter(lambda t: not has_figure(t))
FIGURES = st.one_of(
    st.characters(categories=["Nd", "Nl", "No"]),
    st.sampled_from(
        ["two", "Twelve", "NINETY", "percent", "half", "a dozen", "siete", "zwölf", "cinq", "Friday", "July"]
    ),
    st.sampled_from(["twice", "in May", "since March", "tenth", "twenty-five", "hundreds", "²", "½", "Ⅻ", "五", "٣"]),
)


@given(WORDS, FIGURES, WORDS)
def test_a_figure_of_the_models_own_gives_way_to_the_rendering(before: str, figure: str, after: str) -> None:
    shown = ground(f"{before} {figure} {after}", [RESULT])
    assert (shown.text, shown.kept) == (RENDERED, False)


@given(WORDS.filter(lambda t: t.strip() and "{" not in t and "}" not in t))
def test_words_without_a_figure_stay_as_they_are(words: str) -> None:
    assert ground(words, [RESULT]).text == words.strip()


@given(WORDS)
def test_beside_a_reference_a_figure_gives_way_too(words: str) -> None:
    assert ground(f"{{{{1.distance_km}}}} {words} 7", [RESULT]).text == RENDERED
    assert ground(f"{words}{{{{1.distance_km}}}}0", [RESULT]).text == RENDERED


def test_references_are_filled_once_with_what_the_result_holds() -> None:
    shown = ground("It is {{1.distance_km}} km on {{ 1.plan_id }} for {{1.bins}} bins: {{1.note}}", [RESULT])
    assert shown.text == "It is 12.5 km on P-0042 for 1,234 bins: {{1.bins}} and {bins}"
    assert shown.kept
    assert ground("{{1}}", [RESULT]).text == "Plan P-0042 is 12.5 km for 1,234 bins."
    assert ground("{{results}}", [RESULT]).text == RENDERED
    assert ground("{{thanks}} {{results}}", [RESULT]).text.startswith(REPLIES["thanks"])
    assert ground("{{unavailable}}", []).text == NOTICES["unavailable"]


@pytest.mark.parametrize(
    "text",
    ["{{1.nothing}}", "{{2.bins}}", "{{0.bins}}", "{{nonsense}}", "{{²}}", "{{①.bins}}", "{{1.}}", "{{ 1 . bins }}",
     "{{{{1}}}}", "{{1.bins", "1.bins}}", "{{__class__}}", "{{1.__class__}}"],
)  # fmt: skip
def test_a_reference_to_nothing_gives_way_to_the_rendering(text: str) -> None:
    assert ground(text, [RESULT]).text == RENDERED
    assert not ground(text, [RESULT]).kept


@pytest.mark.parametrize("text", ["", "   ", "{{results}}"])
def test_nothing_said_shows_the_results(text: str) -> None:
    assert ground(text, [RESULT]).text == RENDERED


@pytest.mark.parametrize("text", ["Which one do you mean?", "The bins may overflow.", "Once a person approves it."])
def test_everyday_words_are_no_figures(text: str) -> None:
    assert not has_figure(text)


@pytest.mark.parametrize(
    "text",
    [
        "They are emptied Mon and Wed.", "It fills up by sun.", "Collected Sat-Sun, never on wed", "Thurs is best",
        "until mar", "from Dec to Feb", "The sept figures", "Planned for noon.", "Before midnight, please", "at midday",
        "El lunes se recoge.", "cada sábado y domingo", "Domingo no hay recogida", "en julio o en mayo", "desde enero",
        "Julio fue lento", "hasta el mediodía", "Am Dienstag oder Sonntag", "immer freitags", "seit März",
        "im Dezember",
        "gegen Mittag", "um Mitternacht", "mardi et dimanche", "Vendredi seulement", "depuis février", "en août",
        "au mois de mars", "Mai était calme", "vers midi", "à minuit",
        "None of them will overflow.", "Nobody complained.", "There are no bins near there.", "No trucks are out.",
        "I found no matching requests", "no full glass containers", "Ninguno está lleno.", "Nadie llamó.",
        "Keine Tonne ist voll.", "Niemand hat angerufen.", "Aucune poubelle n'est pleine.",
    ],
)  # fmt: skip
def test_a_day_a_month_a_named_hour_and_nothing_are_figures_in_four_languages(text: str) -> None:
    assert has_figure(text)


@pytest.mark.parametrize(
    "text",
    [
        "Do you mean Julio Herrera y Obes, or Domingo Aramburú?", "Which site on Mayo Street do you mean?",
        "The march of the trucks may sound loud.", "There is no such place.", "No, that is outside what I do.",
        "I have no idea.", "It sat there in the sun.", "They wed the words.", "Somebody has to approve it.",
        "Decide on the marked bins.", "A monitor is not in the records.", "Should I plan it so, or leave it?",
        *REPLIES.values(), *QUESTIONS.values(), *DECLINES.values(),
    ],
)  # fmt: skip
def test_names_everyday_words_and_our_own_texts_are_no_figures(text: str) -> None:
    assert not has_figure(text)


# ---------------------------------------------------------------- the other two words


def said(name: str, **parameters: object) -> State:
    state = fresh_state("a question")
    state["word"] = {"name": name, "parameters": parameters}  # type: ignore[dict-item]
    return state


@given(WORDS, FIGURES)
def test_a_question_or_a_refusal_with_a_figure_becomes_one_that_code_owns(words: str, figure: str) -> None:
    asked = compose(said("clarify", question=f"{words} {figure}", choices=[f"bin {figure}", "Evans Hall"]), Past("t"))
    assert (asked.text, asked.choices) == (QUESTIONS["what"], ("Evans Hall",))
    refused = compose(said("decline", reason="unsafe", text=f"{words} {figure}"), Past("t"))
    assert refused.text == DECLINES["unsafe"]


def test_a_reason_that_code_does_not_know_is_out_of_scope() -> None:
    refused = compose(said("decline", reason="95 % full"), Past("t"))
    assert (refused.reason, refused.text) == ("out_of_scope", DECLINES["out_of_scope"])


@pytest.mark.parametrize("parameters", [{}, {"text": None}, {"text": ["x"]}, {"question": {"a": 1}}, {"choices": "x"}])
@pytest.mark.parametrize("word", ["reply", "clarify", "decline"])
def test_a_misshapen_word_still_makes_an_answer(word: str, parameters: dict[str, object]) -> None:
    shown = compose(said(word, **parameters), Past("t"))
    assert shown.text
    assert not has_figure(shown.text)


@pytest.mark.parametrize("missing", ["No error of a test is registered.", "no error of a test is registered"])
def test_what_is_limited_ends_with_one_full_stop(missing: str) -> None:
    shown = render_results([RESULT.model_copy(update={"degraded": [missing]})])
    assert shown.endswith("error of a test is registered.")
    assert ".." not in shown

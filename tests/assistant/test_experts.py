"""assistant/experts.py: whose opinions are asked for."""

from __future__ import annotations

import pytest
from doubles import ScriptedModel

import app
from assistant.decide import Speaker
from assistant.experts import Experts, aided
from tools.argument_classifier import load_arguments
from tools.call_classifier import load_classifier
from tools.opinions import ArgumentOpinions, CallOpinions
from tools.thread_encoder import load_encoders


@pytest.mark.slow
def test_each_classifier_and_each_member_of_the_encoder_has_a_say() -> None:
    classifier, arguments = load_classifier(app.SHIPPED_CLASSIFIER), load_arguments(app.SHIPPED_ARGUMENTS)
    members = load_encoders(app.SHIPPED_ENCODER)
    speaker = aided(Speaker(ScriptedModel([])), Experts(classifier, arguments, members))
    assert isinstance(speaker.classifier, CallOpinions)
    assert isinstance(speaker.arguments, ArgumentOpinions)
    assert speaker.classifier.experts == (classifier, *members)
    assert speaker.arguments.experts == (arguments, *members)


def test_without_experts_the_model_is_asked_alone() -> None:
    speaker = aided(Speaker(ScriptedModel([])), Experts())
    assert (speaker.classifier, speaker.arguments, speaker.spelling) == (None, None, None)

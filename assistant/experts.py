"""What has a say beside a language model, put to it: each classifier and each member of the thread encoder once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from assistant.decide import Speaker
from tools.argument_classifier import ArgumentClassifier
from tools.call_classifier import CallClassifier
from tools.opinions import of_arguments, of_calls
from tools.request_encoder import RequestParts
from tools.slips import Spelling
from tools.thread_encoder import ThreadEncoder


@dataclass(frozen=True)
class Experts:
    """The parts of tools/beside.py that there are."""

    classifier: CallClassifier | None = None
    arguments: ArgumentClassifier | None = None
    encoders: Sequence[ThreadEncoder] = ()
    spelling: Spelling | None = None
    requests: RequestParts | None = None


def aided(speaker: Speaker, experts: Experts) -> Speaker:
    """The speaker with them."""
    calls = of_calls(experts.classifier, *experts.encoders)
    arguments = of_arguments(experts.arguments, *experts.encoders)
    return replace(speaker, classifier=calls, arguments=arguments, spelling=experts.spelling, requests=experts.requests)

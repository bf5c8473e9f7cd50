"""What has a say beside a language model, put to it: each classifier and each member of the thread encoder once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from assistant.decide import Speaker
from tools.argument_classifier import ArgumentClassifier, load_arguments
from tools.call_classifier import CallClassifier, load_classifier
from tools.opinions import of_arguments, of_calls
from tools.request_encoder import RequestParts, load_request_parts
from tools.slips import Spelling, load_spelling
from tools.thread_encoder import ThreadEncoder, load_encoders


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


def load_experts(files: Mapping[str, Path | None]) -> Experts:
    """Those of these files, by the names of tools/beside.py; None for what is left out. Raises BadData for misfits."""
    calls, arguments, encoder = files["classifier"], files["arguments"], files["encoder"]
    words, requests = files["words"], files["requests"]
    return Experts(
        load_classifier(calls) if calls else None,
        load_arguments(arguments) if arguments else None,
        load_encoders(encoder) if encoder else (),
        load_spelling(words) if words else None,
        load_request_parts(requests) if requests else None,
    )

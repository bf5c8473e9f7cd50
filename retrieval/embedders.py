"""The embedding model of the settings: the installed MiniLM, any sentence-transformers model, or OpenAI's by key.

Vectors of two models are never compared: an index keeps the name of its model, refuses those of another, and says which
command makes them anew (`roundsman reindex`).
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from domain.embedding_costs import CostBook
from domain.errors import BadData
from domain.ports import Embedder
from domain.settings import Settings
from retrieval.embedder import MiniLM, SentenceModel
from retrieval.openai_embedder import OpenAIEmbedder, OpenAIOptions

__all__ = ["embedder_of", "sentence_model"]

OPENAI = "openai:"
LOOKED_AT = 1_000_000  # bytes at each end of the weights that go into a model's name
WEIGHTS = ("model.safetensors", "pytorch_model.bin")


def embedder_of(settings: Settings) -> Embedder:
    """The embedder that the settings name. Raises BadData for a model that is not there, or OpenAI's without a key."""
    named = settings.embedder
    if named == MiniLM.name:
        return MiniLM()
    if named.startswith(OPENAI):
        if settings.openai_key is None:
            raise BadData(
                f"ROUNDSMAN_EMBEDDER is {named}, which needs ROUNDSMAN_OPENAI_KEY; texts then leave the house."
            )
        options = OpenAIOptions(named.removeprefix(OPENAI), settings.embedder_numbers)
        if settings.openai_url:
            options = OpenAIOptions(options.model, options.dimensions, settings.openai_url)
        return OpenAIEmbedder(settings.openai_key.get_secret_value(), CostBook(settings.home), options)
    return sentence_model(named)


def sentence_model(named: str) -> SentenceModel:
    """A sentence-transformers model in a folder, or one by name that this machine has fetched before.

    Its name says which weights it has, so that two models in folders of one name are told apart. Raises BadData.
    """
    folder = Path(named) if Path(named).is_dir() else _fetched(named)
    width = _width(folder)
    return SentenceModel(folder, f"{Path(named).name}@{_fingerprint(folder)}", width)


def _fetched(named: str) -> Path:
    """Where the Hugging Face cache keeps a model. Nothing is downloaded by itself."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(named, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError, HfHubHTTPError) as error:
        raise BadData(
            f"There is no embedding model {named!r} on this machine, neither as a folder nor fetched by name. Fetch it "
            f"with `hf download {named}`, or name another in ROUNDSMAN_EMBEDDER."
        ) from error


def _width(folder: Path) -> int:
    """How many numbers the model gives, by its own files: of its last dense layer, else of its pooling."""
    try:
        modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
        widths = [_told(folder / module["path"] / "config.json") for module in modules if module["path"]]
        return [width for width in widths if width][-1]
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise BadData(f"{folder} holds no sentence-transformers model (modules.json and its parts).") from error


def _told(config: Path) -> int | None:
    if not config.is_file():
        return None
    told = json.loads(config.read_text(encoding="utf-8"))
    found = told.get("out_features") or told.get("word_embedding_dimension") or told.get("embedding_dimension")
    return int(found) if found else None


def _fingerprint(folder: Path) -> str:
    """Eight digits of the weights' size, beginning and end."""
    for name in WEIGHTS:
        file = folder / name
        if file.is_file():
            whole = hashlib.sha256(str(file.stat().st_size).encode())
            with file.open("rb") as weights:
                whole.update(weights.read(LOOKED_AT))
                weights.seek(max(0, file.stat().st_size - LOOKED_AT))
                whole.update(weights.read(LOOKED_AT))
            return whole.hexdigest()[:8]
    raise BadData(f"{folder} holds no weights ({' or '.join(WEIGHTS)}).")

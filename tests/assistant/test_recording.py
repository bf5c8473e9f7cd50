"""What a decision is recorded with."""

from __future__ import annotations

from pathlib import Path

from assistant.local_model import EngineOptions, LocalModel, file_digest
from assistant.recording import versions_of
from prompts.render import HASH_OF_STYLE
from tools.registry import registry_version


def test_the_weights_that_spoke_are_recorded_by_their_digests(tmp_path: Path) -> None:
    base, adapter = tmp_path / "base.gguf", tmp_path / "adapter.gguf"
    base.write_bytes(b"weights")
    adapter.write_bytes(b"adapter")
    model = LocalModel(EngineOptions(tmp_path, base=base, adapter=adapter, check_adapter=False))
    versions = versions_of(model.identity, "small")
    assert (versions.model_hash, versions.adapter_hash) == (file_digest(base), file_digest(adapter))
    assert (versions.prompt_hash, versions.tool_schema_hash) == (HASH_OF_STYLE["small"], registry_version())

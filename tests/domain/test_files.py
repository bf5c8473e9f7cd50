"""Equal digests mean equal bytes under equal names."""

from __future__ import annotations

import hashlib
from pathlib import Path

from domain.files import file_digest, tree_digest


def test_a_file_is_digested_by_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"bins")
    assert file_digest(tmp_path / "a") == tree_digest(tmp_path / "a") == hashlib.sha256(b"bins").hexdigest()


def test_a_folder_is_another_when_a_byte_or_a_name_is(tmp_path: Path) -> None:
    seen = set()
    for number, (name, content) in enumerate([("a", "x"), ("a", "y"), ("b", "x"), ("deep/a", "x")]):
        for copy in ("one", "two"):
            file = tmp_path / f"{number}{copy}" / name
            file.parent.mkdir(parents=True)
            file.write_text(content)
            seen.add(tree_digest(tmp_path / f"{number}{copy}"))
    assert len(seen) == 4

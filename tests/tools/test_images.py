"""Photos: the file is checked, nothing is fetched, nothing is claimed."""

from __future__ import annotations

from pathlib import Path

import pytest
from scene import a_ctx, ask

from domain.errors import AskAgain
from domain.store import Store
from tools.context import Ctx

JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 1_500


@pytest.fixture
def uploads(store: Store) -> Path:
    folder = Path(str(store.url.database)).parent / "uploads"
    folder.mkdir()
    return folder


@pytest.fixture
def ctx(store: Store, tmp_path: Path) -> Ctx:
    return a_ctx(store, tmp_path)


def test_a_picture_is_found_and_never_judged(ctx: Ctx, uploads: Path) -> None:
    (uploads / "pic_0007.jpg").write_bytes(JPEG)
    result = ask(ctx, "inspect_image", image="pic_0007.jpg", bin="103")
    facts = result.facts
    assert (facts.file_found, facts.file_format, facts.file_kb, facts.bin) == (True, "JPEG", 2, "103")
    assert facts.verdict is None
    assert result.confidence is None
    assert "no image model is installed, so there is no verdict" in result.sentence()
    assert result.degraded == [
        "No image model is installed, so nobody has looked at the picture; have a person look at it."
    ]
    assert [e.ref for e in result.why[0].evidence] == ["uploads/pic_0007.jpg", "models:vision"]
    assert result.why[1].evidence[0].ref == "records:bins/103"


def test_an_upload_id_finds_the_picture_behind_it(ctx: Ctx, uploads: Path) -> None:
    (uploads / "u-42.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 50)
    facts = ask(ctx, "inspect_image", image="u-42").facts
    assert (facts.image, facts.file_format) == ("u-42.png", "PNG")


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("pic_0001.jpg", None, "not among the uploads"),
        ("pic_0002.jpg", b"<html>no picture</html>", "no JPEG, PNG or WebP"),
        ("pic_0003.webp", b"RIFF0000WAVE", "no JPEG, PNG or WebP"),
        ("pic_0004.jpg", JPEG + b"\0" * 20_000_000, "larger than 20 MB"),
    ],
)
def test_a_file_that_cannot_be_used_is_said_to_be_why(
    ctx: Ctx, uploads: Path, name: str, content: bytes | None, fault: str
) -> None:
    if content is not None:
        (uploads / name).write_bytes(content)
    result = ask(ctx, "inspect_image", image=name)
    assert (result.facts.file_found, result.facts.verdict) == (False, None)
    assert fault in result.degraded[1]
    assert "there is no verdict" in result.sentence()


@pytest.mark.parametrize(
    "name",
    ["../secret.jpg", "/etc/passwd", "..", "a/b.jpg", "a\\b.jpg", "pic.jpg.exe", ".hidden.jpg", "x" * 200, "a\x00.jpg"],
)
def test_a_name_that_is_a_path_is_refused(ctx: Ctx, uploads: Path, name: str) -> None:
    (uploads.parent / "secret.jpg").write_bytes(JPEG)
    with pytest.raises(AskAgain, match="no picture's name"):
        ask(ctx, "inspect_image", image=name)


@pytest.mark.parametrize("address", ["https://example.org/bin.jpg", "file:///etc/passwd", "data:image/png;base64,xx"])
def test_an_address_is_never_fetched(ctx: Ctx, address: str) -> None:
    with pytest.raises(AskAgain, match="do not fetch pictures from addresses"):
        ask(ctx, "inspect_image", image=address)


def test_a_link_out_of_the_uploads_is_not_followed(ctx: Ctx, uploads: Path) -> None:
    (uploads.parent / "secret.jpg").write_bytes(JPEG)
    (uploads / "link.jpg").symlink_to(uploads.parent / "secret.jpg")
    assert not ask(ctx, "inspect_image", image="link.jpg").facts.file_found

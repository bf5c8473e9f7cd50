"""inspect_image: what a photo of a bin shows. No model looks at photos yet: the file is checked, never judged."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from domain.errors import AskAgain
from domain.values import BinSet, Evidence, Facts, Reason, Result
from tools.arguments import BinArg, ImageArg
from tools.context import Ctx
from tools.registry import Example, tool

NAME = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}(?:\.(?:jpe?g|png|webp))?", re.IGNORECASE
)  # no dots or slashes inside
ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
ENDINGS = ("", ".jpg", ".jpeg", ".png", ".webp")
LARGEST_BYTES = 20_000_000
BEGINNINGS = {b"\xff\xd8\xff": "JPEG", b"\x89PNG\r\n\x1a\n": "PNG", b"RIFF": "WebP"}  # the formats' magic numbers
NO_MODEL = "No image model is installed, so nobody has looked at the picture; have a person look at it."


class ImageFacts(Facts):
    """What is known of the picture's file. `verdict` stays None while no model looks at pictures."""

    image: str
    bin: str | None
    file_found: bool
    file_kb: int | None
    file_format: str | None
    image_model: str
    verdict: str | None


@dataclass(frozen=True)
class _File:
    """A file of the uploads; `fault` says why it cannot be used as a picture."""

    name: str
    size: int | None = None
    format: str | None = None
    fault: str | None = None


@tool(
    budget_s=5,
    examples=[
        Example("is the bin in pic_0007.jpg overflowing?", {"image": "pic_0007.jpg"}),
    ],
)
def inspect_image(
    image: ImageArg,
    bin: BinArg | None = None,
    *,
    ctx: Ctx,
) -> Result[ImageFacts]:
    """Look at a photo of a bin: overflowing, clean, contaminated, or cannot tell.

    Args:
        image: File name, upload id or allowed URL of the picture.
        bin: The bin that it shows.
    """
    name = _checked_name(str(image))
    seen = _look(_uploads(ctx), name)
    facts = ImageFacts(
        image=seen.name,
        bin=", ".join(bin.names) if bin else None,
        file_found=seen.fault is None,
        file_kb=None if seen.size is None else -(-seen.size // 1000),
        file_format=seen.format,
        image_model="none",
        verdict=None,
    )
    return Result[ImageFacts](
        headline=_headline(facts),
        facts=facts,
        why=_why(ctx, seen, bin),
        data_age="the file as it was uploaded" if facts.file_found else "no file",
        degraded=[NO_MODEL, *([seen.fault] if seen.fault else [])],
    )


def _checked_name(said: str) -> str:
    """A plain file name or upload id. Raises AskAgain for addresses, paths and other endings."""
    if ADDRESS.match(said):
        raise AskAgain("I do not fetch pictures from addresses. Upload the picture here, or give its file name.")
    if not NAME.fullmatch(said):
        raise AskAgain(
            "That is no picture's name. Upload a JPEG, PNG or WebP picture, or give the name it was uploaded under."
        )
    return said


def _uploads(ctx: Ctx) -> Path | None:
    """The folder that uploads are kept in, beside the records' file; None when the records are on a server."""
    return Path(str(ctx.store.url.database)).parent / "uploads" if ctx.store.is_sqlite else None


def _look(folder: Path | None, name: str) -> _File:
    """Find the file and check its size and its first bytes; links are not followed."""
    tried = [folder / f"{name}{ending}" for ending in ENDINGS] if folder else []
    path = next((each for each in tried if each.is_file() and not each.is_symlink()), None)
    if path is None:
        return _File(name, fault="The picture is not among the uploads; upload it again and ask once more.")
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(12)
    format_ = next((known for magic, known in BEGINNINGS.items() if start.startswith(magic)), None)
    if format_ is None or (format_ == "WebP" and start[8:12] != b"WEBP"):
        return _File(path.name, size, fault="The file is no JPEG, PNG or WebP picture; upload the picture itself.")
    if size > LARGEST_BYTES:
        return _File(path.name, size, format_, fault="The picture is larger than 20 MB; upload a smaller one.")
    return _File(path.name, size, format_)


def _headline(facts: ImageFacts) -> str:
    if not facts.file_found:
        return "{image} cannot be used as a picture, and no image model is installed: there is no verdict."
    return "{image} is a {file_format} picture of {file_kb} kB; no image model is installed, so there is no verdict."


def _why(ctx: Ctx, seen: _File, bin: BinSet | None) -> list[Reason]:
    """What was checked, with the file when there is one, and the bin that it is said to show."""
    file = [Evidence(label=seen.name, ref=f"uploads/{seen.name}")] if seen.fault is None else []
    model = Evidence(label="state of the image model", ref="models:vision")
    reasons = [
        Reason(text="A picture is judged by a model only; without one nothing is claimed.", evidence=[*file, model])
    ]
    for bin_id in bin.bin_ids if bin else ():
        label = ctx.city.bins[bin_id].label
        text = f"The picture is said to show {label}; that was not checked."
        reasons.append(Reason(text=text, evidence=[Evidence(label=label, ref=f"records:bins/{bin_id}")]))
    return reasons

"""inspect_image: what a photo of a bin shows."""

from __future__ import annotations

from domain.values import Facts, Result
from tools.arguments import BinArg, ImageArg
from tools.context import Ctx
from tools.registry import Example, tool


class ImageFacts(Facts):
    """To be filled."""


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
    raise NotImplementedError

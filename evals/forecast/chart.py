"""The reliability chart as SVG: of the outcomes, how many lay at or below the level told for each share."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

SIDE, LEFT, TOP = 360, 70, 50


def reliability_svg(points: Sequence[tuple[float, float]], title: str) -> str:
    """An SVG of (share told, share found), with the diagonal on which a calibrated forecast lies."""

    def place(told: float, found: float) -> tuple[float, float]:
        return round(LEFT + SIDE * told, 1), round(TOP + SIDE * (1 - found), 1)

    (x0, y0), (x1, y1) = place(0, 0), place(1, 1)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIDE + LEFT + 40} {SIDE + TOP + 60}" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{LEFT}" y="24" font-size="14">{escape(title)}</text>',
        f'<path d="M{x0} {y1}V{y0}H{x1}" fill="none" stroke="black"/>',
        f'<path d="M{x0} {y0}L{x1} {y1}" stroke="#999" stroke-dasharray="4 3"/>',
    ]
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = place(share, share)
        parts.append(f'<text x="{x}" y="{y0 + 18}" text-anchor="middle">{share:.0%}</text>')
        parts.append(f'<text x="{x0 - 8}" y="{y + 4}" text-anchor="end">{share:.0%}</text>')
    parts.append(f'<text x="{(x0 + x1) / 2}" y="{y0 + 42}" text-anchor="middle">share told</text>')
    parts.append(f'<text x="{x0 - 60}" y="{y1 - 10}">share of outcomes at or below</text>')
    line = " ".join(f"{x},{y}" for x, y in (place(*point) for point in points))
    parts.append(f'<polyline points="{line}" fill="none" stroke="#1f6f8b" stroke-width="2"/>')
    parts += [f'<circle cx="{x}" cy="{y}" r="4" fill="#1f6f8b"/>' for x, y in (place(*point) for point in points)]
    return "\n".join([*parts, "</svg>"]) + "\n"

"""The trade-off curves as SVG: kilometres against the overflow rate, a line per policy, the compared rate dashed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

WIDE, HIGH, LEFT, TOP, RIGHT, BOTTOM = 720, 440, 70, 50, 170, 60
COLOURS = ("#1f6f8b", "#c7522a", "#7a7a7a", "#3a7d44", "#8e5ea2", "#b8860b")
Points = Sequence[tuple[float, float]]


def trade_off_svg(title: str, curves: Mapping[str, Points], rate: float) -> str:
    """An SVG of curves (overflow rate, km) by policy, in the order of the rate."""
    xs = [x for points in curves.values() for x, _ in points] + [rate]
    ys = [y for points in curves.values() for _, y in points]
    across, up = max(xs) * 1.05 or 1.0, max(ys) * 1.05 or 1.0

    def place(x: float, y: float) -> tuple[float, float]:
        wide, high = WIDE - LEFT - RIGHT, HIGH - TOP - BOTTOM
        return round(LEFT + wide * x / across, 1), round(TOP + high * (1 - y / up), 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE} {HIGH}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDE}" height="{HIGH}" fill="white"/>',
        f'<text x="{LEFT}" y="24" font-size="14">{escape(title)}</text>',
        _axes(place, across, up),
    ]
    x, bottom = place(rate, 0)
    parts.append(f'<path d="M{x} {TOP}V{bottom}" stroke="#999" stroke-dasharray="4 3"/>')
    for index, (name, points) in enumerate(curves.items()):
        parts.append(_curve(name, [place(*point) for point in points], index))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _axes(place: object, across: float, up: float) -> str:
    assert callable(place)
    (x0, y0), (x1, _), (_, y1) = place(0, 0), place(across, 0), place(0, up)
    parts = [f'<path d="M{x0} {y1}V{y0}H{x1}" fill="none" stroke="black"/>']
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = place(across * share, up * share)
        parts.append(f'<text x="{x}" y="{y0 + 18}" text-anchor="middle">{across * share:.0f}</text>')
        parts.append(f'<text x="{x0 - 8}" y="{y + 4}" text-anchor="end">{up * share:.0f}</text>')
    parts.append(f'<text x="{(x0 + x1) / 2}" y="{y0 + 42}" text-anchor="middle">full bins per 1,000 bin-days</text>')
    parts.append(f'<text x="{x0 - 50}" y="{y1 - 10}">km</text>')
    return "\n".join(parts)


def _curve(name: str, places: Sequence[tuple[float, float]], index: int) -> str:
    colour = COLOURS[index % len(COLOURS)]
    way = " ".join(f"{x},{y}" for x, y in places)
    dots = "".join(f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>' for x, y in places)
    y = TOP + 20 + 20 * index
    label = f'<text x="{WIDE - RIGHT + 30}" y="{y + 4}" fill="{colour}">{escape(name)}</text>'
    return f'<polyline points="{way}" fill="none" stroke="{colour}" stroke-width="2"/>{dots}{label}'

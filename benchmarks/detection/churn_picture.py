"""A reliability diagram: what was predicted against what came true, as an SVG."""

from __future__ import annotations

from typing import Final

from detectors.customers.calibration import Quality

_SIZE, _LEFT, _TOP = 320.0, 60.0, 40.0
_COLOURS: Final = ("#1f5fa8", "#c05a1a")


def reliability(curves: dict[str, Quality]) -> str:
    """Return the diagram of one or two models; a point is a tenth of the predictions."""
    ticks = [step / 5 for step in range(6)]
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" width="460" height="430" font-family="sans-serif" font-size="12">',
        "<title>Reliability diagram</title>",
        '<rect width="460" height="430" fill="white"/>',
        f'<rect x="{_LEFT}" y="{_TOP}" width="{_SIZE}" height="{_SIZE}" fill="none" stroke="#999"/>',
        f'<line x1="{_x(0)}" y1="{_y(0)}" x2="{_x(1)}" y2="{_y(1)}" stroke="#999" stroke-dasharray="4 4"/>',
        *(f'<text x="{_x(tick):.0f}" y="{_y(0) + 18:.0f}" text-anchor="middle">{tick:.0%}</text>' for tick in ticks),
        *(f'<text x="{_LEFT - 8}" y="{_y(tick) + 4:.0f}" text-anchor="end">{tick:.0%}</text>' for tick in ticks),
        f'<text x="{_x(0.5):.0f}" y="{_y(0) + 40:.0f}" text-anchor="middle">predicted probability of leaving</text>',
        f'<text transform="translate(16 {_y(0.5):.0f}) rotate(-90)" text-anchor="middle">share that left</text>',
    ]
    for place, ((name, quality), colour) in enumerate(zip(curves.items(), _COLOURS, strict=False)):
        points = [(_x(one.predicted), _y(one.observed)) for one in quality.bins]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>' for x, y in points]
        label = f"{name}: calibration error {quality.calibration_error:.3f}"
        parts.append(f'<text x="{_LEFT}" y="{16 + 16 * place}" fill="{colour}">{label}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _x(share: float) -> float:
    return _LEFT + share * _SIZE


def _y(share: float) -> float:
    return _TOP + (1.0 - share) * _SIZE

"""A report as a picture: of each figure a bar, from its floor's side to beyond its goal."""

from __future__ import annotations

from xml.sax.saxutils import escape

from cli.bench.measure import Report, Target

WIDTH, ROW, TOP, LEFT, SCALE = 780, 46, 54, 250, 120.0
# A bar longer than this is cut: it has left its goal far behind.
LONGEST = 4.0
OURS, FLOOR, GOAL = "#3b7dd8", "#c4453c", "#3c8d5a"
TEXT = 'font-family="sans-serif" font-size="13" fill="#24292f"'


def plot(title: str, report: Report) -> str:
    """Return the figures that have a target as SVG; each bar is in multiples of its floor, so that longer is better."""
    height = TOP + ROW * len(report.targets) + 34
    rows = [_row(target, report.value(target.name), TOP + ROW * place) for place, target in enumerate(report.targets)]
    floor = LEFT + SCALE
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" {TEXT}>',
            f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
            f'<text x="16" y="26" font-size="16" font-weight="bold">{escape(title)}</text>',
            *rows,
            f'<line x1="{floor}" y1="{TOP - 10}" x2="{floor}" y2="{height - 28}" stroke="{FLOOR}" stroke-width="2"/>',
            f'<text x="{floor - 14}" y="{height - 12}" fill="{FLOOR}">floor</text>',
            f'<text x="{floor + 40}" y="{height - 12}" fill="{GOAL}">| goal</text>',
            "</svg>\n",
        ]
    )


def _row(target: Target, value: float, y: int) -> str:
    length = min(_times(target, value), LONGEST) * SCALE
    goal = LEFT + min(_times(target, target.goal), LONGEST) * SCALE
    return "\n".join(
        [
            f'<text x="{LEFT - 12}" y="{y + 19}" text-anchor="end">{escape(target.name)}</text>',
            f'<rect x="{LEFT}" y="{y + 4}" width="{length:.0f}" height="22" rx="3" fill="{OURS}"/>',
            f'<line x1="{goal:.0f}" y1="{y}" x2="{goal:.0f}" y2="{y + 30}" stroke="{GOAL}" stroke-width="2"/>',
            f'<text x="{LEFT + 8}" y="{y + 20}" fill="#ffffff">{value:.3g}</text>',
        ]
    )


def _times(target: Target, value: float) -> float:
    """Return how many times its floor a value is; where less is better, how many times less."""
    return target.floor / value if target.less_is_better else value / target.floor

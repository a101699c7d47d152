"""Draws the benchmark's result as SVG: a pair of bars a program, time over native on a logarithmic scale.

The background is transparent and the colours are legible on white and on black, so that one file serves
both themes of a README.
"""

import math
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT, ROW, BAR = 860, 130, 60, 26, 9
INK, FAINT = "#808890", "#80889040"
BARS = [("dragoman", "#2f9e62"), ("qemu", "#b07aa1")]
STEPS = [1, 2, 5, 10, 20, 50, 100, 200]


def svg(result, classes):
    rows = [r for kind in classes for r in result["rows"] if r["class"] == kind and r["native"]]
    most = max([r[way] / r["native"] for r in rows for way, _ in BARS if r.get(way)] or [1])
    end = next((s for s in STEPS if s >= most), most)

    def x(value):
        """Position of a ratio; what is faster than native still has a sliver of a bar."""
        return LEFT + (WIDTH - LEFT - RIGHT) * max(0.01, math.log(max(value, 1)) / math.log(end or 2))

    parts, y, kind = [], 64, None
    top = y - 8
    for r in rows:
        if r["class"] != kind:
            kind = r["class"]
            y += 8
            parts.append(text(8, y + 8, kind, bold=True))
            y += 18
        parts.append(text(LEFT - 8, y + BAR + 3, r["name"], "end"))
        for number, (way, colour) in enumerate(BARS):
            if not r.get(way):
                continue
            value, at = r[way] / r["native"], y + number * BAR
            parts.append(f'<rect x="{LEFT}" y="{at}" width="{x(value) - LEFT:.1f}" height="{BAR - 1}" rx="1.5" fill="{colour}"/>')
            parts.append(text(x(value) + 4, at + BAR - 1.5, f"{value:.2f}" if value < 10 else f"{value:.1f}", size=9))
        y += ROW
    grid = []
    for step in [s for s in STEPS if s <= end]:
        at = LEFT if step == 1 else x(step)
        grid.append(f'<line x1="{at:.1f}" y1="{top}" x2="{at:.1f}" y2="{y}" stroke="{FAINT}"/>')
        grid.append(text(at, y + 14, "native" if step == 1 else f"{step}x", "middle"))
    names = {"dragoman": "dragoman", "qemu": f"qemu-user {result['qemu']}"}
    legend = [text(8, 20, f"{result['guest']} programs on x86-64: time over native, shorter is better", size=14, bold=True)]
    at = 8
    for way, colour in BARS:
        legend.append(f'<rect x="{at}" y="32" width="12" height="12" rx="2" fill="{colour}"/>')
        legend.append(text(at + 17, 42, names[way]))
        at += 120
    foot = text(8, y + 36, result["machine"], size=10)
    height = y + 46
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
            f'font-family="system-ui, sans-serif" font-size="11" fill="{INK}">\n'
            + "\n".join(legend + grid + parts + [foot]) + "\n</svg>\n")


def text(x, y, words, anchor="start", size=None, bold=False):
    extra = (f' font-size="{size}"' if size else "") + (' font-weight="600"' if bold else "")
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{extra}>{escape(words)}</text>'

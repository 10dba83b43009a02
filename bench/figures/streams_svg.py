"""Draws tokens a second over streams, with the roofline, as SVG that is readable on light and dark pages. Pure functions."""

import math
from xml.sax.saxutils import escape

PANEL_WIDTH, PANEL_HEIGHT = 340, 250
LEFT, TOP, GAP, RIGHT = 64, 66, 76, 24
INSET = 20  # from the axes to the first and last points
LEGEND_LINE = 20
# For light and for dark pages. Each color has a class for lines and one for dots: .braid, .braid-dot.
COLORS = {"braid": ("#0969da", "#58a6ff"), "roofline": ("#57606a", "#9198a1")}
OTHER_COLORS = [("#bc4c00", "#ff9b50"), ("#1a7f37", "#56d364"), ("#8250df", "#bc8cff"), ("#bf3989", "#ff80c8"), ("#9a6700", "#e3b341"),
                ("#1b7c83", "#56d4dd")]
PAGE = [{".page": "fill: #ffffff", "text": "fill: #24292f", ".faint": "fill: #57606a", ".grid": "stroke: #d8dee4",
         ".axis": "stroke: #57606a", ".share": "stroke: #ffffff"},
        {".page": "fill: #0d1117", "text": "fill: #e6edf3", ".faint": "fill: #9198a1", ".grid": "stroke: #2a3038",
         ".axis": "stroke: #9198a1", ".share": "stroke: #0d1117"}]


def rules(theme, colors):
    out = [f"{selector} {{ {rule}; }}" for selector, rule in PAGE[theme].items()]
    for kind, pair in colors.items():
        out.append(f".{kind} {{ stroke: {pair[theme]}; }} .{kind}-dot {{ fill: {pair[theme]}; }}")
    return "\n    ".join(out)


def style(colors):
    return f"""
    .line {{ fill: none; stroke-width: 2.2; }} .thin {{ fill: none; stroke-width: 1.5; }} .dashed {{ stroke-dasharray: 6 4; }}
    .share {{ stroke-width: 4; paint-order: stroke; }}
    {rules(0, colors)}
    @media (prefers-color-scheme: dark) {{
    {rules(1, colors)}
    }}
"""


def ticks_round(low, high):
    """1, 2 and 5 times powers of ten, from the last one not above `low` to the first one not below `high`."""
    exponents = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 2)
    ticks = [factor * 10.0 ** exponent for exponent in exponents for factor in (1, 2, 5)]
    first = max(i for i, tick in enumerate(ticks) if tick <= low)
    last = min(i for i, tick in enumerate(ticks) if tick >= high)
    return ticks[first:last + 1]


def text(x, y, content, anchor="start", size=13, kind="", extra=""):
    name = f' class="{kind}"' if kind else ""
    return f'<text{name} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}"{extra}>{escape(content)}</text>'


class Panel:
    """One model's axes, both logarithmic: equal fractions of the roofline are at equal distances below it."""

    def __init__(self, left, points):
        self.left, self.top = left, TOP
        streams = sorted({point[0] for point in points})
        values = [value for point in points for value in point[1:]]
        self.stream_ticks = streams
        self.ticks = ticks_round(min(values), max(values))

    def x(self, streams):
        first, last = self.stream_ticks[0], self.stream_ticks[-1]
        share = math.log(streams / first) / math.log(last / first) if last > first else 0.5
        return self.left + INSET + (PANEL_WIDTH - 2 * INSET) * share

    def y(self, value):
        low, high = self.ticks[0], self.ticks[-1] * 1.12  # room for the labels above the highest point
        return self.top + PANEL_HEIGHT * (1 - math.log(value / low) / math.log(high / low))

    def axes(self, title):
        bottom, right = self.top + PANEL_HEIGHT, self.left + PANEL_WIDTH
        out = [text(self.left, self.top - 14, title, size=14, extra=' font-weight="bold"')]
        for i, value in enumerate(self.ticks):
            y = self.y(value)
            out.append(f'<line class="{"grid" if i else "axis"}" x1="{self.left:.1f}" y1="{y:.1f}" x2="{right:.1f}" y2="{y:.1f}"/>')
            out.append(text(self.left - 8, y + 4, f"{value:g}", anchor="end", size=12, kind="faint"))
        for streams in self.stream_ticks:
            x = self.x(streams)
            out.append(f'<line class="axis" x1="{x:.1f}" y1="{bottom:.1f}" x2="{x:.1f}" y2="{bottom + 5:.1f}"/>')
            out.append(text(x, bottom + 20, str(streams), anchor="middle", size=12, kind="faint"))
        out.append(text(self.left + PANEL_WIDTH / 2, bottom + 40, "streams", anchor="middle", size=12, kind="faint"))
        middle = self.top + PANEL_HEIGHT / 2
        x = self.left - 50
        out.append(text(x, middle, "tokens/s", anchor="middle", size=12, kind="faint", extra=f' transform="rotate(-90 {x:.1f} {middle:.1f})"'))
        return out

    def line(self, points, kind):
        path = " ".join(f"{self.x(streams):.1f},{self.y(value):.1f}" for streams, value in points)
        return f'<polyline class="{kind}" points="{path}"/>'

    def dots(self, points, kind, radius):
        return [f'<circle class="{kind}" cx="{self.x(streams):.1f}" cy="{self.y(value):.1f}" r="{radius}"/>' for streams, value in points]


def draw_model(panel, model, points, engines):
    """`points`: [(streams, tokens/s, the roofline's)]; `engines`: [(class, [(streams, tokens/s)])]."""
    roofline = [(streams, value) for streams, _, value in points]
    own = [(streams, value) for streams, value, _ in points]
    out = panel.axes(model)
    out += [panel.line(roofline, "roofline thin dashed")] + panel.dots(roofline, "roofline-dot", 3)
    for kind, others in engines:
        out += [panel.line(others, f"{kind} thin")] + panel.dots(others, f"{kind}-dot", 3.5)
    out += [panel.line(own, "braid line")] + panel.dots(own, "braid-dot", 4.5)
    for streams, value, bound in points:
        out.append(text(panel.x(streams) - 6, panel.y(max(value, bound)) - 9, f"{100 * value / bound:.0f} %", anchor="middle",
                        size=11, kind="faint share"))
    return out


def legend(top, names):
    """`names`: [(text, classes of the line, class of the dot)], two to a row."""
    out = []
    for i, (name, line_kind, dot_kind) in enumerate(names):
        x, y = LEFT + (i % 2) * (PANEL_WIDTH + GAP), top + i // 2 * LEGEND_LINE
        out.append(f'<line class="{line_kind}" x1="{x}" y1="{y - 4}" x2="{x + 34}" y2="{y - 4}"/>')
        out.append(f'<circle class="{dot_kind}" cx="{x + 17}" cy="{y - 4}" r="3.5"/>')
        out.append(text(x + 44, y, name, size=12))
    return out


def streams_svg(title, series, engines=None):
    """`series`: {model: [(streams, tokens/s, the roofline's tokens/s)]}; `engines`: {engine: {model: [(streams, tokens/s)]}}."""
    engines = engines or {}
    kinds = {engine: f"other-{i}" for i, engine in enumerate(engines)}
    colors = {**COLORS, **{kind: OTHER_COLORS[i % len(OTHER_COLORS)] for i, kind in enumerate(kinds.values())}}
    body = []
    for i, (model, points) in enumerate(series.items()):
        others = [(kinds[engine], by_model[model]) for engine, by_model in engines.items() if by_model.get(model)]
        everything = points + [(streams, value) for _, line in others for streams, value in line]
        body += draw_model(Panel(LEFT + i * (PANEL_WIDTH + GAP), everything), model, points, others)
    names = [("braid", "braid line", "braid-dot"),
             ("the floor of the same run, and braid's share of it", "roofline thin dashed", "roofline-dot")]
    names += [(engine, f"{kind} thin", f"{kind}-dot") for engine, kind in kinds.items()]
    legend_top = TOP + PANEL_HEIGHT + 70
    body += legend(legend_top, names)
    width = LEFT + max(len(series), 2) * PANEL_WIDTH + (max(len(series), 2) - 1) * GAP + RIGHT
    height = legend_top + (len(names) + 1) // 2 * LEGEND_LINE + 4
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img"\n'
            f'     aria-labelledby="title" font-family="Helvetica, Arial, \'DejaVu Sans\', sans-serif">\n'
            f'  <title id="title">{escape(title)}</title>\n  <style>{style(colors)}  </style>\n'
            f'  <rect class="page" width="{width}" height="{height}" rx="8"/>\n'
            f'  {text(LEFT, 28, title, size=13)}\n  ' + "\n  ".join(body) + "\n</svg>\n")

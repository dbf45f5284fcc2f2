"""The sheet of a figure: style, colours, lines with intervals, labels at line ends, reasons in empty panels.

It uses object-oriented matplotlib alone, imported when a figure is made, and leaves no global state behind.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from sirev.metrics.statistic import Statistic
from sirev.reporting.figures.labels import LABEL_SHIFT, move_apart
from sirev.reporting.figures.series import Curve, MethodRuns, model, seeds_mean, values
from sirev.reporting.published import Published

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Annotation

OKABE_ITO = {
    "blue": "#0072B2",
    "vermilion": "#D55E00",
    "green": "#009E73",
    "purple": "#CC79A7",
    "orange": "#E69F00",
    "sky": "#56B4E9",
}
"""Colours for any colour vision (Okabe and Ito 2008), the darker ones first. Their yellow is too pale for lines."""

METHOD_COLOURS = {"sft": "blue", "dpo": "vermilion", "sft-dpo": "green"}
"""The same colour per method in every study. Other names get the remaining colours, in order."""

MARKERS = ("o", "s", "^", "D", "v", "P")
_NARROWEST = 4.6
"""Least width for a title and notes, in inches."""
NOTE_LINE = 0.12
"""Height of a line of notes below the panels, in inches."""
LED = 3.0
"""Shift of a label, in points, beyond which a thin line leads to its point."""
STEP_NAME = 12
"""Longest name of a step in a figure, in characters."""
SHORTEST_RANGE = 5.0
"""Least span of an axis of shares, in percentage points, so that noise does not fill a panel."""


@dataclass(frozen=True)
class Ink:
    """The colours of text and paper."""

    paper: str
    text: str
    muted: str
    rule: str
    null: str
    lift: float
    """Share of white mixed into the methods' colours, which are too dark for text on dark paper."""


LIGHT = Ink("#ffffff", "#1a1a1a", "#5c5c5c", "#d9d9d9", "#8a8a8a", 0.0)
DARK = Ink("#16181c", "#ececec", "#a8a8a8", "#3c4048", "#8f949c", 0.35)


def style(ink: Ink, hash_salt: str = "sirev") -> dict[str, Any]:
    """The rc parameters for drawing and saving: the same bytes for the same comparison, and text as text."""
    return {
        "figure.facecolor": ink.paper,
        "savefig.facecolor": "auto",
        "figure.dpi": 200,  # text widths as saved: at fewer dots, glyphs are fitted to the grid
        "savefig.dpi": 200,
        "axes.facecolor": "none",
        "axes.edgecolor": ink.rule,
        "axes.labelcolor": ink.text,
        "axes.labelsize": 8,
        "axes.titlesize": 8.5,
        "axes.titlelocation": "left",
        "axes.titlecolor": ink.text,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.grid.axis": "y",
        "axes.axisbelow": True,
        "axes.unicode_minus": True,
        "grid.color": ink.rule,
        "grid.linewidth": 0.5,
        "xtick.color": ink.muted,
        "ytick.color": ink.muted,
        "xtick.labelsize": 7.5,
        "ytick.labelsize": 7.5,
        "xtick.major.size": 2.5,
        "ytick.major.size": 0,
        "text.color": ink.text,
        "text.parse_math": False,  # a method's name may hold a dollar sign
        "text.usetex": False,
        "font.family": ["DejaVu Sans"],  # ships with matplotlib: the same widths on every machine
        "font.size": 8,
        "lines.linewidth": 1.6,
        "lines.markersize": 4,
        "svg.fonttype": "none",
        "svg.hashsalt": hash_salt,
        "pdf.fonttype": 42,
        "path.simplify": False,
    }


@dataclass
class FigureSheet:
    """A figure in the making.

    `names` are the methods that get colours, `steps` the names of M_1, M_2, ... if they have any, and `published` the paper's
    numbers for the same model and task, if they are to be shown. The sheet records which panels have values; `close` writes
    the reason into the others.
    """

    ink: Ink = LIGHT
    title: str | None = None
    names: Sequence[str] = ()
    steps: Sequence[str] = ()
    published: Published | None = None
    notes: list[str] = field(default_factory=list)
    reason: str = "nothing was measured"
    figure: Figure = field(init=False)
    twins: dict[str, str] = field(default_factory=dict)
    """Colour on light paper -> colour on dark paper."""
    ambiguous: bool = False
    """Whether a colour has two twins, so that recolouring is impossible."""
    _width: float = 0
    _panels: list[Axes] = field(default_factory=list)
    _drawn: set[int] = field(default_factory=set)
    _reasons: dict[int, Counter[str]] = field(default_factory=dict)
    _labels: list[Annotation] = field(default_factory=list)
    _leaders: list[tuple[Annotation, str]] = field(default_factory=list)
    _colours: dict[str, str] = field(default_factory=dict)
    _shares: list[Axes] = field(default_factory=list)

    def __post_init__(self) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine

        taken = {METHOD_COLOURS.get(name) for name in self.names}
        free = [colour for colour in OKABE_ITO if colour not in taken] or list(OKABE_ITO)
        others = [name for name in self.names if name not in METHOD_COLOURS]
        self._colours = METHOD_COLOURS | {name: free[i % len(free)] for i, name in enumerate(others)}
        self.twins = dict(zip(astuple(LIGHT)[:-1], astuple(DARK)[:-1], strict=True))
        self.figure = Figure(layout=ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.05))
        FigureCanvasAgg(self.figure)

    def panels(self, rows: int, columns: int, width: float, height: float, **sharing: Any) -> list[list[Axes]]:
        """Add rows x columns of panels, each of `width` x `height` inches with its labels."""
        from matplotlib.ticker import MaxNLocator

        self._width = width
        self.figure.set_size_inches(max(_NARROWEST, width * columns), height * rows + (0.3 if self.title else 0.1))
        grid = self.figure.subplots(rows, columns, squeeze=False, **sharing)
        for panel in (panel for row in grid for panel in row):
            self._panels.append(panel)
            panel.yaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
        return [list(row) for row in grid]

    def drop(self, panel: Axes) -> None:
        """Remove a panel; its place stays empty."""
        self._panels.remove(panel)
        panel.remove()

    def colour(self, method: MethodRuns) -> str:
        """The colour of a method: the same in every figure of a comparison, and in every study for the paper's methods."""
        own = OKABE_ITO[self._colours[method.name]]
        return self._twinned(*(mixed(own, "#ffffff", 1 - ink.lift) for ink in (self.ink, DARK)))

    def shade(self, colour: str, strength: float) -> str:
        """A colour mixed with that of the paper; strength 1 is the colour itself."""
        dark = self.twins.get(colour, colour)
        return self._twinned(mixed(colour, self.ink.paper, strength), mixed(dark, DARK.paper, strength))

    def _twinned(self, colour: str, dark: str) -> str:
        self.ambiguous = self.ambiguous or self.twins.setdefault(colour, dark) != dark
        return colour

    def line(
        self,
        panel: Axes,
        curve: Curve,
        name: str,
        colour: str,
        *,
        scale: float = 100,
        shift: float = 0,
        interval: str = "",
        label: str = "",
        label_colour: str = "",
        **look: Any,
    ) -> None:
        """Draw a curve, with its interval as "caps", as a "band" or not at all, and with a label at its right end.

        `name` is the label of the line in matplotlib; `scale` multiplies values; `shift` moves the line sideways, off others with
        the same values.
        """
        self.heed(panel, [one for _, one in curve])
        if not values(curve):
            return
        nan = float("nan")  # breaks the line at missing values
        x = [place + shift for place, _ in curve]
        y = [nan if one["value"] is None else scale * one["value"] for _, one in curve]
        panel.plot(x, y, color=colour, label=name, **{"solid_capstyle": "round", "zorder": 3, **look})
        bounded = [
            (place, scale * one["value"], scale * one["low"], scale * one["high"])
            for place, (_, one) in zip(x, curve, strict=True)
            if one["value"] is not None and one["low"] is not None and one["high"] is not None
        ]
        if interval == "caps" and bounded:
            panel.vlines([b[0] for b in bounded], [b[2] for b in bounded], [b[3] for b in bounded], colour, lw=0.8, alpha=0.7)
        elif interval == "band" and bounded:
            sides = ([b[0] for b in bounded], [b[2] for b in bounded], [b[3] for b in bounded])
            panel.fill_between(*sides, color=colour, alpha=0.13, linewidth=0, zorder=1)
        if label:
            end = max(i for i, value in enumerate(y) if value == value)
            self.label(panel, curve[end][0], y[end], label, label_colour or colour, leader=colour)

    def method(self, panel: Axes, method: MethodRuns, curves: Sequence[Curve], *, label: bool = True, **look: Any) -> None:
        """Draw a method: a thick line for the mean, and a thin one per seed if there are several."""
        colour = self.colour(method)
        shift = look.pop("shift", 0)
        if len(curves) > 1:
            for run, curve in zip(method.runs, curves, strict=True):
                thin = {"lw": 0.6, "alpha": 0.6, "zorder": 2, "ls": look.get("ls", "-"), "scale": look.get("scale", 100)}
                self.line(panel, curve, f"{method.name}, seed {run['seed']}", colour, shift=shift, **thin)
        text = short(method.name) if label else ""
        marker = {"marker": MARKERS[method.place % len(MARKERS)], "markeredgewidth": 0}
        self.line(panel, seeds_mean(curves), method.name, colour, shift=shift, label=text, **{**marker, **look})

    def band(self, panel: Axes, found: list[float], name: str, x: float, label: str = "", scale: float = 100) -> None:
        """Draw the range of null runs' values as a grey band, labelled next to `x`. A range without height is left out."""
        if len(set(found)) < 2:
            return
        low, high = scale * min(found), scale * max(found)
        panel.axhspan(low, high, color=self.ink.null, alpha=0.2, linewidth=0, zorder=0, label=name)
        if label:
            self.label(panel, max(x, panel.get_xlim()[1]), (low + high) / 2, label, self.ink.muted)

    def label(
        self,
        panel: Axes,
        x: float,
        y: float,
        text: str,
        colour: str,
        *,
        side: Literal["left", "right"] = "right",
        leader: str = "",
    ) -> None:
        """Add text next to a point. If `close` moves it off neighbours, a line in the colour `leader` leads to the point."""
        placed = panel.annotate(
            text,
            (x, y),
            (LABEL_SHIFT if side == "right" else -LABEL_SHIFT, 0),
            textcoords="offset points",
            ha="left" if side == "right" else "right",
            va="center",
            fontsize=7.5,
            color=colour,
            annotation_clip=False,
        )
        self._labels.append(placed)
        if leader:
            self._leaders.append((placed, leader))

    def legend(self, entries: Sequence[tuple[str, str, str]]) -> None:
        """Add a legend above the panels, of (text, colour, marker): for figures whose labels would cover their lines."""
        from matplotlib.lines import Line2D

        handles = [Line2D([], [], color=colour, marker=marker, lw=1.3, markeredgewidth=0) for _, colour, marker in entries]
        texts = [text for text, _, _ in entries]
        if self._drawn:
            self.figure.legend(handles, texts, loc="outside upper right", ncols=len(entries), frameon=False, fontsize=7.5)

    def dot(self, panel: Axes, one: Statistic, row: float, name: str, colour: str, *, scale: float = 100, **look: Any) -> None:
        """Draw a value with its interval, on a row of a horizontal dot plot."""
        self.heed(panel, [one])
        if one["value"] is None:
            return
        panel.plot([scale * one["value"]], [row], color=colour, label=name, ls="", **{"zorder": 3, **look})
        if one["low"] is not None and one["high"] is not None:
            panel.hlines([row], [scale * one["low"]], [scale * one["high"]], colour, lw=1, alpha=0.8)

    def heed(self, panel: Axes, stats: list[Statistic]) -> None:
        """Record whether a panel has a value, and the reasons of missing values."""
        if any(one["value"] is not None for one in stats):
            self._drawn.add(id(panel))
        self._reasons.setdefault(id(panel), Counter()).update(
            one["reason"] or "not measured" for one in stats if one["value"] is None
        )

    def model(self, t: int) -> str:
        """The label of M_t, with its name if it has one: "M₂ round-1"."""
        return f"{model(t)} {short(self.steps[t - 1], STEP_NAME)}" if t <= len(self.steps) else model(t)

    def share_limits(self, panels: Sequence[Axes]) -> None:
        """Set one y range for axes of shares in %: at least `SHORTEST_RANGE`, within 0 to 100.

        It begins at 0, unless that leaves more than half of the height empty.
        """
        lows, highs = zip(*(panel.get_ylim() for panel in panels), strict=True)
        low, high = min(lows), max(highs)
        if high - low < SHORTEST_RANGE:
            low, high = (low + high - SHORTEST_RANGE) / 2, (low + high + SHORTEST_RANGE) / 2
        high = min(high, 101.5)
        low = max(low, 0.0) if low > high / 2 else -0.015 * high
        for panel in panels:
            panel.set_ylim(low, high)
        self._shares += panels

    def x_of_t(self, panel: Axes, ts: Sequence[int], name: str = "iteration t") -> None:
        """Put whole t on the x axis, or the names of the steps."""
        first, last = (ts[0], ts[-1]) if ts else (1, 1)
        pad = (last - first) / 16 or 0.5
        panel.set_xlim(first - pad, last + pad)
        step = max(1, -(-len(ts) // 8))
        shown = list(ts)[::step]
        named = bool(self.steps) and all(t <= len(self.steps) for t in shown)
        texts = [short(self.steps[t - 1], STEP_NAME) if named else str(t) for t in shown]
        crowded = sum(len(text) + 2 for text in texts) * 0.075 > self._width
        turned: dict[str, Any] = {"rotation": 30, "ha": "right", "rotation_mode": "anchor"} if crowded else {}
        panel.set_xticks(shown, texts, **turned)
        panel.set_xlabel("model" if named and name else name)

    def x_of_n(self, panel: Axes, ns: Sequence[float], name: str) -> None:
        """Put powers of two on a logarithmic x axis; of more than 8, every second one."""
        panel.set_xscale("log", base=2)
        panel.minorticks_off()
        written = list(ns)[:: 2 if len(ns) > 8 else 1]
        panel.set_xticks(written, [f"{n:g}" for n in written])
        if ns:
            panel.set_xlim(min(ns) / 1.15, max(ns) * 1.15)
        panel.set_xlabel(name)

    def close(self) -> Figure:
        """Finish the figure: write reasons into empty panels (a single one if all are empty), lay out, move labels apart."""
        if not any(id(panel) in self._drawn for panel in self._panels):
            all_reasons = sum(self._reasons.values(), Counter())
            self._all_empty(all_reasons.most_common(1)[0][0] if all_reasons else self.reason)
        for panel in self._panels:
            if id(panel) not in self._drawn:
                reasons = self._reasons.get(id(panel)) or Counter([self.reason])
                self._write_none(panel, reasons.most_common(1)[0][0])
        if self.title:
            self.figure.suptitle(self.title, x=0.01, ha="left", fontsize=9.5, fontweight="bold")
        if any(panel in self._panels and panel.get_ylim()[0] > 0 and id(panel) in self._drawn for panel in self._shares):
            self.notes.append("A vertical axis that does not begin at 0 shows differences that would not be seen from there.")
        if self.notes:
            width, height = self.figure.get_size_inches()
            lines = [line for note in self.notes for line in textwrap.wrap(note, int(width * 15.5))]
            self.figure.set_size_inches(width, height + NOTE_LINE * max(0, len(lines) - 2))  # the panels keep their height
            self.figure.supxlabel("\n".join(lines), x=0.01, ha="left", fontsize=7, color=self.ink.muted)
        engine = self.figure.get_layout_engine()
        assert engine is not None
        for _ in range(2 if self._panels else 0):  # the second pass takes the moved labels into account
            engine.execute(self.figure)
            self._move_labels()
        self.figure.set_layout_engine("none")  # freezes the layout
        self._lead()
        return self.figure

    def _move_labels(self) -> None:
        for panel in self._panels:
            move_apart(panel, [label for label in self._labels if label.axes is panel])

    def _lead(self) -> None:
        """Draw thin lines from points to labels that were moved away."""
        from matplotlib.lines import Line2D

        to_pixels, whole = self.figure.dpi / 72, self.figure.transFigure.inverted()
        for label, colour in self._leaders:
            right, up = label.xyann
            if label.axes is None or max(abs(right) - LABEL_SHIFT, abs(up)) <= LED:
                continue
            x, y = label.axes.transData.transform(label.xy)
            ends = whole.transform([(x + 2 * to_pixels, y), (x + (right - 1) * to_pixels, y + up * to_pixels)])
            line = Line2D(ends[:, 0], ends[:, 1], color=colour, lw=0.6, transform=self.figure.transFigure)
            self.figure.add_artist(line)

    def _all_empty(self, reason: str) -> None:
        self.figure.clear()
        self._panels, self._labels, self._leaders, self.notes = [], [], [], []
        self.figure.set_size_inches(5, 1.4)
        text = textwrap.fill(f"none: {reason}", 70)
        self.figure.text(0.5, 0.45, text, ha="center", va="center", color=self.ink.muted)

    def _write_none(self, panel: Axes, reason: str) -> None:
        beside = panel.get_shared_y_axes().get_siblings(panel)
        if not any(id(other) in self._drawn for other in beside):
            panel.set_yticks([])
        panel.grid(False)
        wide = max(14, int(panel.get_position().width * self.figure.get_size_inches()[0] * 12))
        look: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 7.5, "color": self.ink.muted, "in_layout": False}
        panel.text(0.5, 0.5, textwrap.fill(f"none: {reason}", wide), transform=panel.transAxes, **look)


def mixed(colour: str, other: str, share: float) -> str:
    """A mix of two colours, with `share` of the first."""
    from matplotlib.colors import to_hex, to_rgb

    red, green, blue = (share * one + (1 - share) * two for one, two in zip(to_rgb(colour), to_rgb(other), strict=True))
    return to_hex((red, green, blue))


def room_for_names(found: Sequence[MethodRuns]) -> float:
    """Extra width of panels, in inches, for names of methods longer than "sft-dpo"."""
    return 0.06 * max([0, *(len(short(method.name)) - 7 for method in found)])


def short(name: str, most: int = 16) -> str:
    """A name for a label: printable, and cut to `most` characters."""
    clean = "".join(c if c.isprintable() else "?" for c in name)
    return clean if len(clean) <= most else clean[: most - 1] + "…"

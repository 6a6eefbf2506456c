"""Paper for charts: a figure in the house's style, and its bytes, the same for the same drawing on every day.

Importing this imports matplotlib, which takes seconds: `api.charts.drawing` does so when the first chart is asked for. Only
figures and canvases are used, never `pyplot`, whose figures belong to the process. matplotlib's settings do belong to it,
so that one chart is drawn at a time.
"""

import io
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from xml.sax.saxutils import escape

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from api.charts.contract import Told
from api.charts.palette import INK, PAPER, QUIET_INK
from api.charts.words import readable, wrapped

__all__ = ["HEADING_SIZE", "LABEL_SIZE", "SMALL_SIZE", "bare", "head", "head_height", "png_of", "sheet", "svg_of"]

HEADING_SIZE, LABEL_SIZE, SMALL_SIZE = 13.0, 9.0, 8.0
LEFT = 0.018
SUBTITLE_AT = {1: 0.46, 2: 0.7}
"""Inches from the upper edge, by lines of the title."""
DOTS_PER_INCH = 144
FONT = "DejaVu Sans"
STYLE: dict[Any, Any] = {
    "font.family": ["sans-serif"],
    "font.sans-serif": [FONT],
    "font.size": LABEL_SIZE,
    "text.color": INK,
    "axes.edgecolor": QUIET_INK,
    "axes.labelcolor": INK,
    "xtick.color": QUIET_INK,
    "ytick.color": QUIET_INK,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "hatch.linewidth": 0.6,
    "text.parse_math": False,  # a `$` in a product's name is a dollar
    "svg.fonttype": "none",  # words stay words: they can be searched, read aloud and shown in the reader's own fonts
    "svg.hashsalt": "shelfgraph",
}
NO_SVG_METADATA = dict.fromkeys(("Date", "Creator", "Format", "Type"))
FONTS_IN_SVG = re.compile(r"'DejaVu Sans'[^;\"]*")
WIDE_FONTS = "'DejaVu Sans', Verdana, Geneva, sans-serif"
"""As wide as the font that the picture is laid out for, or narrower: nothing runs into its neighbour."""
ONE_AT_A_TIME = threading.Lock()

Drawing = Callable[[Figure], None]


@contextmanager
def _in_house_style() -> Iterator[None]:
    """Settings of a user's own `matplotlibrc` would draw other bytes on his machine."""
    with ONE_AT_A_TIME, mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        yield


def sheet(width: float, height: float) -> Figure:
    """Return an empty figure of so many inches."""
    return Figure(figsize=(width, height), facecolor=PAPER)


def head_height(title: str) -> float:
    """Return how many inches the title and the line below it take."""
    return SUBTITLE_AT[_title_lines(title)] + 0.28


def head(figure: Figure, title: str, subtitle: str, origin: str) -> None:
    """Write the title in at most two lines, what it is about below it, and where it comes from at the foot."""
    height = figure.get_figheight()
    figure.text(LEFT, 1 - 0.16 / height, _title(title), size=HEADING_SIZE, weight="bold", va="top")
    below = 1 - SUBTITLE_AT[_title_lines(title)] / height
    figure.text(LEFT, below, wrapped(subtitle, 130, 1), size=LABEL_SIZE, color=QUIET_INK, va="top")
    figure.text(LEFT, 0.1 / height, wrapped(origin, 150, 1), size=SMALL_SIZE, color=QUIET_INK, va="bottom")


def _title(title: str) -> str:
    return wrapped(title, 90, 2)


def _title_lines(title: str) -> int:
    return _title(title).count("\n") + 1


def bare(axes: Axes, sides: Sequence[str]) -> None:
    """Leave only these sides of a frame."""
    for side, spine in axes.spines.items():
        spine.set_visible(side in sides)
    axes.set_facecolor("none")


def svg_of(draw: Callable[[], Figure], told: Told) -> bytes:
    """Return a drawing as SVG with its title and description, without scripts and references to anything outside."""
    with _in_house_style():
        figure = draw()
        FigureCanvasSVG(figure)
        text = _saved(figure, format="svg", metadata=NO_SVG_METADATA).decode()
    # before the root stand a document type that names another host, and nothing that a reader of SVG needs
    root = text[text.index("<svg") :]
    told_first = f"<title>{_escaped(told.title)}</title>\n<desc>{_escaped(told.description)}</desc>"
    opened = root.replace(">", f' role="img" aria-label="{_escaped(told.title)}">\n{told_first}', 1)
    return FONTS_IN_SVG.sub(WIDE_FONTS, opened).encode()


def png_of(draw: Callable[[], Figure], told: Told) -> bytes:
    """Return a drawing as PNG; its title and description stand in its text chunks."""
    with _in_house_style():
        figure = draw()
        FigureCanvasAgg(figure)
        words = {"Software": None, "Title": readable(told.title), "Description": readable(told.description)}
        return _saved(figure, format="png", dpi=DOTS_PER_INCH, metadata=words)


def _saved(figure: Figure, **options: Any) -> bytes:
    content = io.BytesIO()
    figure.savefig(content, **options)
    return content.getvalue()


def _escaped(text: str) -> str:
    return escape(readable(text), {'"': "&quot;"})

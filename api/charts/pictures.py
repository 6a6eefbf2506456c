"""Which drawing belongs to which chart. Importing this imports matplotlib: see `api.charts.drawing`."""

from matplotlib.figure import Figure

from api.charts.canvas import png_of, svg_of
from api.charts.contract import Chart, FanChart
from api.charts.fan import draw_fan
from api.charts.flow import draw_flow
from api.charts.telling import told_of

__all__ = ["PICTURES", "picture"]

PICTURES = {"svg": svg_of, "png": png_of}


def picture(chart: Chart, form: str) -> bytes:
    """Return a chart as `svg` or `png`: the same chart gives the same bytes."""

    def draw() -> Figure:
        return draw_fan(chart) if isinstance(chart, FanChart) else draw_flow(chart)

    return PICTURES[form](draw, told_of(chart))

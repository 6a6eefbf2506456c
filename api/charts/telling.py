"""A chart in words, whichever it is."""

from api.charts.contract import Chart, FanChart, Told
from api.charts.fan_words import fan_told
from api.charts.flow_words import flow_told
from api.charts.words import readable

__all__ = ["told_of"]


def told_of(chart: Chart) -> Told:
    """Return the title, the description and the tables of a chart."""
    told = fan_told(chart) if isinstance(chart, FanChart) else flow_told(chart)
    return Told(readable(told.title), readable(told.description), told.tables)

"""Drawings: the same bytes again, safe to open, nothing clipped or written over, whatever the numbers and the names are."""

import hashlib
import os
import re
import subprocess
import sys
from itertools import combinations
from xml.etree import ElementTree as ET

import matplotlib as mpl
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from api.charts import canvas
from api.charts.contract import FanChart
from api.charts.drawing import drawn
from api.charts.fan import draw_fan
from api.charts.fan_words import shown_drivers
from api.charts.flow import draw_flow
from api.charts.flow_words import LEAVES, MOST_REPLACEMENTS, REST, lost_units, shown_parts
from api.charts.telling import told_of
from api.charts.words import readable
from decisions.relations.quality import UNSAFE
from tests.api.chart_cases import CHARTS, FAN, FANS, FLOW, FLOWS, LONG, NASTY

SVG = "{http://www.w3.org/2000/svg}"
HREF = "{http://www.w3.org/1999/xlink}href"
TOUCHING = 1.0
"""Pixels that two texts may share: the boxes of letters are a little larger than the letters."""
AGAIN = """
import hashlib
from api.charts.drawing import drawn
from tests.api.chart_cases import FAN, FLOW
print(*(hashlib.sha256(drawn(chart, form)).hexdigest() for chart in (FAN, FLOW) for form in ("svg", "png", "html")))
"""


def texts_of(chart):
    """Every text of a drawing that is seen, with its place in pixels, and the size of the paper."""
    with canvas._in_house_style():
        figure = draw_fan(chart) if isinstance(chart, FanChart) else draw_flow(chart)
        paper = FigureCanvasAgg(figure)
        paper.draw()
        unseen = {id(label) for axes in figure.axes for axis in (axes.xaxis, axes.yaxis) for label in _labels_out_of_view(axis)}
        seen = [one for one in figure.findobj(Text) if one.get_visible() and one.get_text().strip() and id(one) not in unseen]
        places = []
        for one in seen:
            if one.get_bbox_patch() is not None:
                one.set_bbox(None)
            places.append((one.get_text(), Text.get_window_extent(one, paper.get_renderer())))
        return places, figure.bbox


def _labels_out_of_view(axis):
    drawn_ones = {id(tick) for tick in axis._update_ticks() if axis.axes.axison}
    ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
    return [label for tick in ticks if id(tick) not in drawn_ones for label in (tick.label1, tick.label2)]


def overlap(one, other):
    wide = min(one.x1, other.x1) - max(one.x0, other.x0)
    high = min(one.y1, other.y1) - max(one.y0, other.y0)
    return wide > TOUCHING and high > TOUCHING


@pytest.mark.parametrize("name", CHARTS)
def test_no_text_is_clipped_or_written_over(name):
    places, paper = texts_of(CHARTS[name])
    assert len(places) >= 8
    for words, place in places:
        assert place.x0 >= 0 and place.y0 >= 0 and place.x1 <= paper.x1 and place.y1 <= paper.y1, words
    assert [(a, b) for (a, one), (b, other) in combinations(places, 2) if overlap(one, other)] == []


def test_a_text_that_is_written_over_is_noticed():
    places, _ = texts_of(FAN)
    assert overlap(places[0][1], places[0][1])


@pytest.mark.parametrize("name", CHARTS)
def test_svg_is_well_formed_and_neither_runs_nor_fetches(name):
    content = drawn(CHARTS[name], "svg")
    root = ET.fromstring(content)
    told = told_of(CHARTS[name])
    assert (root.tag, root.get("role"), root.get("aria-label")) == (f"{SVG}svg", "img", told.title)
    assert [one.tag for one in root[:2]] == [f"{SVG}title", f"{SVG}desc"]
    assert (root[0].text, root[1].text) == (told.title, told.description)
    assert UNSAFE.search(content) is None
    assert {one.tag for one in root.iter()} & {
        f"{SVG}{tag}" for tag in ("script", "foreignObject", "image", "a", "metadata")
    } == set()
    references = [one.get(HREF) for one in root.iter() if one.get(HREF)]
    assert all(reference.startswith("#") for reference in references)
    assert set(re.findall(rb"https?://[^\s\"']+", content)) == {b"http://www.w3.org/1999/xlink", b"http://www.w3.org/2000/svg"}
    assert b"<!DOCTYPE" not in content
    assert all(one.startswith(b"#") for one in re.findall(rb"url\(([^)]*)\)", content))
    assert len(content) < 100_000


def test_words_of_an_svg_are_words():
    words = {one.text for one in ET.fromstring(drawn(FAN, "svg")).iter(f"{SVG}text")}
    assert {"promotions", "+11.0", "forecast", "baseline (mean_8)", "80 % interval", "95 % interval", "promoted week"} <= words
    assert "not told apart" not in words  # the drivers sum to forecast minus baseline
    nasty = [one.text for one in ET.fromstring(drawn(FANS["nasty names"], "svg")).iter(f"{SVG}text")]
    assert '<script>alert("1")</script> & $x^2$ é 牛乳' in nasty


def test_png_tells_its_title_and_no_day():
    content = drawn(FAN, "png")
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    assert b"Title" in content
    assert b"Software" not in content
    assert b"tIME" not in content


@pytest.mark.command_line
def test_the_same_chart_gives_the_same_bytes_in_another_process_with_settings_of_its_own(project_root, tmp_path):
    (tmp_path / "matplotlibrc").write_text("font.size: 30\nsvg.hashsalt: other\nfont.family: serif\nlines.linewidth: 9\n")
    here = [hashlib.sha256(drawn(chart, form)).hexdigest() for chart in (FAN, FLOW) for form in ("svg", "png", "html")]
    for _ in range(2):
        said = subprocess.run(
            [sys.executable, "-c", AGAIN],
            cwd=project_root,
            env=os.environ
            | {"MPLCONFIGDIR": str(tmp_path), "MATPLOTLIBRC": str(tmp_path / "matplotlibrc"), "PYTHONHASHSEED": "random"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert said.stdout.split() == here


def test_drawing_leaves_the_settings_of_the_process_alone():
    before = dict(mpl.rcParams)
    drawn(FAN, "svg")
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("name", [name for name in FANS if name not in ("unknown numbers", "nothing known")])
def test_what_is_shown_of_the_drivers_sums_to_forecast_minus_baseline(name):
    chart = FANS[name]
    shown = shown_drivers(chart)
    between = chart.forecast_units - chart.baseline_units
    moved = sum(abs(one.units) for one in shown.all) + abs(between)
    assert sum(one.units for one in shown.all) == pytest.approx(between, abs=1e-3 * moved)
    assert len(shown.own) <= 7
    assert len(shown.neighbours) <= 5
    assert all(one.neighbour for one in shown.neighbours)
    assert not any(one.neighbour for one in shown.own)


def test_drivers_beyond_their_room_are_summed_and_said():
    shown = shown_drivers(FANS["many drivers"])
    assert [one.words for one in shown.own[-2:]] == ["4 smaller ones", "not told apart"]
    assert shown.own[-2].units == pytest.approx(1 - 2 + 3 - 4)
    assert shown.neighbours[-1].words == "8 other products"


def test_replacements_beyond_their_room_are_summed_and_said():
    chart = FLOWS["many"]
    shown = shown_parts(chart)
    assert [one.kind for one in shown[MOST_REPLACEMENTS - 1 :]] == [REST, "elsewhere", LEAVES, "not told apart"]
    assert shown[MOST_REPLACEMENTS - 1].part.words == "23 further products"
    assert sum(one.part.units for one in shown) == pytest.approx(lost_units(chart))
    assert sum(one.part.units for one in shown_parts(FLOW)) == pytest.approx(lost_units(FLOW))
    assert "not told apart" not in {one.kind for one in shown_parts(FLOW)}


def test_a_stream_is_as_wide_as_its_units():
    """Widths are read back from the drawing: boxes of parts at the right, in data units of inches."""
    with canvas._in_house_style():
        figure = draw_flow(FLOW)
    boxes = [one for one in figure.axes[0].patches if one.__class__.__name__ == "Rectangle"]
    heights = [box.get_height() for box in boxes[1:]]  # the first is the lost product
    units = [one.part.units for one in shown_parts(FLOW)]
    assert [height / sum(heights) for height in heights] == pytest.approx([one / sum(units) for one in units])
    assert boxes[0].get_height() == pytest.approx(sum(heights))


def test_of_nothing_there_is_no_stream():
    for name, streams in (("plain", 6), ("nothing lost", 0), ("unknown numbers", 5)):
        with canvas._in_house_style():
            figure = draw_flow(FLOWS[name])
        assert sum(one.__class__.__name__ == "PathPatch" for one in figure.axes[0].patches) == streams, name


def test_bands_hold_the_intervals():
    with canvas._in_house_style():
        figure = draw_fan(FAN)
    wide, narrow = (one.get_paths()[0].get_extents() for one in figure.axes[0].collections[-2:])
    assert (wide.y0, wide.y1) == (26, 88)
    assert (narrow.y0, narrow.y1) == (33, 72)


def test_the_words_tell_what_the_picture_shows():
    told = told_of(FAN)
    assert told.title == f"Forecast of {LONG} in the whole chain"
    for words in (
        "294.0 units in 6 weeks",
        "80 % interval of 33.0 to 57.0",
        "95 % interval of 26.0 to 68.0",
        "8 Jan 2018",
        "−6.2",
    ):
        assert words in told.description
    assert [len(table.rows) for table in told.tables] == [7, 7, 26]
    assert all(len(row) == len(table.columns) for table in told.tables for row in table.rows)
    flow = told_of(FLOW)
    assert "leaves the shop: 25.3 (18 %, 10.0 to 40.0)" in flow.description
    assert flow.tables[1].rows[-1] == ("All of it", "138.6", "100 %", "")
    assert "unknown" in told_of(FANS["unknown numbers"]).description
    assert "nan" not in told_of(FANS["nothing known"]).description
    assert readable(NASTY) in told_of(FANS["nasty names"]).title

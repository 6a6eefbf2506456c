"""Charts that are hard to draw, and small tools to look at them. Numbers are made up; sums hold where they should."""

import math
from dataclasses import replace
from datetime import date, timedelta

from api.charts.contract import FanChart, FanDriver, FanWeek, FlowChart, FlowPart

AS_OF, WEEK, NEXT = date(2017, 12, 31), timedelta(days=7), date(2018, 1, 1)
LONG = "Fluid milk chocolate low fat half gallon with vitamin D and a description that goes on · 64 oz · National · 1029743"
ORIGIN = "release_01a218ced04066f8461870d8fc8d on graph g20171231-a351a929ee1ba386"
NASTY = '<script>alert("1")</script> & $x^2$ \x00\x07\u202e\ud800 é 牛乳'
HISTORY = tuple((NEXT - (26 - k) * WEEK, 40 + 12 * math.sin(k / 3) + (k % 5) * 3) for k in range(26))
WEEKS = tuple(
    FanWeek(NEXT + k * WEEK, 44 + 2 * k, 33 + 1.5 * k, 57 + 3 * k, 26 + k, 68 + 4 * k, 47 - 1.0 * k, k in (1, 2))
    for k in range(6)
)
DRIVERS = (
    FanDriver("own sales history", -6.25, neighbour=False),
    FanDriver("promotions", 11.0, neighbour=False),
    FanDriver("price", -2.125, neighbour=False),
    FanDriver("its substitutes: Fluid milk white only · 1 gal · Private · 995242", -2.5, neighbour=True),
    FanDriver("products of its category", 26.875, neighbour=True),
)
FAN = FanChart(LONG, "the whole chain", AS_OF, "shelfgraph", "mean_8", ORIGIN, HISTORY, WEEKS, DRIVERS)


def _scaled(chart: FanChart, factor: float) -> FanChart:
    numbers = ("units", "low_80", "high_80", "low_95", "high_95", "baseline_units")
    return replace(
        chart,
        history=tuple((day, units * factor) for day, units in chart.history),
        weeks=tuple(replace(week, **{name: getattr(week, name) * factor for name in numbers}) for week in chart.weeks),
        drivers=tuple(replace(one, units=one.units * factor) for one in chart.drivers),
    )


FANS = {
    "plain": FAN,
    "one week": replace(FAN, weeks=WEEKS[:1], drivers=()),
    "eight weeks": replace(FAN, weeks=tuple(replace(WEEKS[0], week_start=NEXT + k * WEEK) for k in range(8))),
    "no history": replace(FAN, history=()),
    "one week of history": replace(FAN, history=HISTORY[-1:]),
    "all zero": _scaled(FAN, 0.0),
    "huge": _scaled(FAN, 1e250),
    "tiny": _scaled(FAN, 1e-9),
    "ten thousands": _scaled(FAN, 765.0),
    "unknown numbers": replace(
        FAN,
        history=tuple((day, math.nan if k % 4 == 0 else units) for k, (day, units) in enumerate(HISTORY)),
        weeks=tuple(
            replace(week, units=math.nan if k == 2 else week.units, low_80=math.inf if k == 3 else week.low_80)
            for k, week in enumerate(WEEKS)
        ),
    ),
    "nothing known": replace(
        FAN,
        history=((NEXT - WEEK, math.nan),),
        drivers=(),
        weeks=(FanWeek(NEXT, *[math.nan] * 3, None, None, math.nan, promoted=False),),
    ),
    "no 95 %": replace(FAN, weeks=tuple(replace(week, low_95=None, high_95=None, promoted=False) for week in WEEKS)),
    "close to its baseline": replace(
        FAN, weeks=tuple(replace(week, baseline_units=week.units + 0.1) for week in WEEKS), drivers=()
    ),
    "many drivers": replace(
        FAN,
        drivers=(
            *(FanDriver(f"own driver number {k}", (-1) ** k * (k + 1.0), neighbour=False) for k in range(9)),
            *(FanDriver(f"substitute: {LONG} {k}", (-1) ** k * 3.0 / (k + 1), neighbour=True) for k in range(12)),
        ),
    ),
    "nasty names": replace(FAN, product=NASTY, place=NASTY, system=NASTY, baseline=NASTY, origin=NASTY * 9),
}

REPLACEMENTS = tuple(
    FlowPart(f"Fluid milk white only · {k} gal · Private · 99524{k}", 40 / (k + 1), 30 / (k + 1), 55 / (k + 1)) for k in range(4)
)
ELSEWHERE, LEAVES = FlowPart("elsewhere in the category", 30, 20, 44), FlowPart("leaves the shop", 25.3, 10, 40)
LOST = sum(part.units for part in REPLACEMENTS) + ELSEWHERE.units + LEAVES.units
FLOW = FlowChart("the whole chain", AS_OF, 4, "90 %", ORIGIN, (FlowPart(LONG, LOST, 100, 180),), REPLACEMENTS, ELSEWHERE, LEAVES)
MANY = tuple(FlowPart(f"{LONG} {k}", 30 / (k + 1) ** 1.5, 0.0, 40.0) for k in range(30))
FLOWS = {
    "plain": FLOW,
    "three lost": replace(FLOW, lost=tuple(FlowPart(f"Delisted {k}", LOST / 3) for k in range(3))),
    "many": replace(FLOW, lost=tuple(FlowPart(f"{LONG} {k}", 20.0 + k) for k in range(11)), replacements=MANY),
    "no replacement": replace(FLOW, replacements=()),
    "nothing lost": replace(
        FLOW, lost=(FlowPart(LONG, 0.0),), replacements=(), elsewhere=FlowPart("elsewhere", 0.0), leaves=FlowPart("leaves", 0.0)
    ),
    "huge": replace(
        FLOW,
        lost=(FlowPart(LONG, LOST * 1e300),),
        replacements=tuple(FlowPart(p.words, p.units * 1e300, 1e299, 1e302) for p in REPLACEMENTS),
        elsewhere=FlowPart("elsewhere", 3e301, -1e300, 1e302),
        leaves=FlowPart("leaves", 2.53e301, 0.0, 1e302),
    ),
    "unknown numbers": replace(FLOW, elsewhere=FlowPart("elsewhere", math.nan, math.nan, 3.0)),
    "one tiny": replace(FLOW, replacements=(FlowPart("A", 1e-9, 0.0, 1e-8), *REPLACEMENTS)),
    "nasty names": replace(FLOW, place=NASTY, origin=NASTY, lost=(FlowPart(NASTY, LOST),), leaves=FlowPart(NASTY, 25.3, 10, 40)),
}
CHARTS = {**{f"fan: {name}": chart for name, chart in FANS.items()}, **{f"flow: {name}": chart for name, chart in FLOWS.items()}}

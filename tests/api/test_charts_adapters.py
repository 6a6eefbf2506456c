"""From answers to charts: a forecast's answer, and a delist what-if's."""

import json
from dataclasses import dataclass, field, replace
from datetime import date
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from api.charts.contract import FanDriver, FlowPart
from api.charts.from_delist import flow_chart
from api.charts.from_forecast import fan_chart
from api.charts.words import change_text, interval_text, readable, share_text, units_text, wrapped
from api.errors import ArgumentInvalid
from api.rest import chart_kinds, charts
from cli import chart as chart_command
from cli.main import app
from decisions.envelope import Explanation
from decisions.forecast.contract import Driver, ForecastAnswer, ForecastPoint, ForecastRequest
from decisions.substitution import Amount, Comparables, DelistAnswer, DelistRequest, SubstitutionService
from decisions.substitution.contract import DelistedProduct, Replacement
from tests.api.chart_cases import NASTY

AS_OF = date(2017, 12, 31)
POINT = ForecastPoint(date(2018, 1, 1), 12.0, 9.0, 15.0, 10.0, promoted=True, low_95=7.0, high_95=18.0)


def name_of(label, id):
    return f"{label} {id}"


def answer(*drivers, **changes):
    asked = {"product_id": "P1", "store_id": None, "category_id": None} | changes
    return ForecastAnswer(
        asked["product_id"], asked["store_id"], AS_OF, "shelfgraph", "mean_8", (POINT,), ((date(2017, 12, 25), 9.0),),
        Explanation("", ()), asked["category_id"], drivers,
    )  # fmt: skip


def test_drivers_are_told_the_largest_first_and_neighbours_by_name():
    chart = fan_chart(
        answer(
            Driver("price", "price", 0.5),
            Driver("siblings", "products of its category", -0.75),
            *(
                Driver("isSubstituteFor", "its substitutes", units, f"P{number}")
                for number, units in enumerate((1, -2, 3, 4, -5))
            ),
        ),
        name_of,
        "origin",
    )
    assert chart.drivers == (
        FanDriver("its substitutes: Product P4", -5.0, neighbour=True),
        FanDriver("its substitutes: Product P3", 4.0, neighbour=True),
        FanDriver("its substitutes: Product P2", 3.0, neighbour=True),
        FanDriver("products of its category", -0.75, neighbour=True),
        FanDriver("price", 0.5, neighbour=False),
        FanDriver("its substitutes: others", -1.0, neighbour=True),
    )
    assert (chart.product, chart.place, chart.origin) == ("Product P1", "the whole chain", "origin")
    assert (chart.weeks[0].low_95, chart.weeks[0].high_95, chart.weeks[0].promoted) == (7.0, 18.0, True)


@pytest.mark.parametrize(
    ("changes", "subject", "place"),
    [
        ({"store_id": "s1"}, "Product P1", "Store s1"),
        ({"product_id": None, "category_id": "c"}, "ProductCategory c", "the whole chain"),
        ({"product_id": None}, "all merchandise", "the whole chain"),
    ],
)
def test_what_is_forecast_and_where(changes, subject, place):
    chart = fan_chart(answer(**changes), name_of, "")
    assert (chart.product, chart.place, chart.drivers) == (subject, place, ())


def delisted(display_name, lost):
    return DelistedProduct(display_name.lower(), display_name, None, lost, None, None, "chain", 3)


WHAT_IF = DelistAnswer(
    product_ids=("milk", "unsold"),
    store_ids=None,
    cluster_id=None,
    horizon_weeks=4,
    as_of=AS_OF,
    first_week=date(2018, 1, 1),
    last_week=date(2018, 1, 22),
    lost=Amount(100.0, 80.0, 120.0),
    picked_up=Amount(60.0, 50.0, 70.0),
    stays_elsewhere=Amount(15.0, 5.0, 25.0),
    stays_in_category=Amount(75.0, 60.0, 90.0),
    leaves=Amount(25.0, 10.0, 40.0),
    delisted=(delisted("Milk", Amount(100.0, 80.0, 120.0)), delisted("Unsold", None)),
    replacements=(Replacement("other", "Other milk", 60.0, 50.0, 70.0, 0.0, 0.6, "chain", "association"),),
    replacements_total=3,
    scopes=(),
    events=Comparables(),
    assumptions=(),
    explanation=Explanation("", ()),
)


def test_a_delist_what_if_becomes_a_flow():
    chart = flow_chart(WHAT_IF, name_of, "origin")
    assert chart.lost == (FlowPart("Milk", 100.0, 80.0, 120.0), FlowPart("Unsold (demand not known)", 0.0))
    assert chart.replacements == (FlowPart("Other milk", 60.0, 50.0, 70.0),)
    assert chart.elsewhere == FlowPart("elsewhere in the category, 2 known replacements among it", 15.0, 5.0, 25.0)
    assert chart.leaves == FlowPart("leaves the shop", 25.0, 10.0, 40.0)
    assert (chart.place, chart.weeks, chart.interval, chart.origin) == ("the whole chain", 4, "90 %", "origin")
    assert flow_chart(replace(WHAT_IF, replacements_total=1), name_of, "").elsewhere.words == "elsewhere in the category"


@pytest.mark.parametrize(
    ("where", "place"),
    [({"store_ids": ("7",)}, "Store 7"), ({"store_ids": ("7", "8")}, "2 stores"), ({"cluster_id": "c1"}, "StoreCluster c1")],
)
def test_where_products_are_delisted_is_said(where, place):
    assert flow_chart(replace(WHAT_IF, **where), name_of, "").place == place


@dataclass(frozen=True)
class Heard:
    """The real room, and what it was asked."""

    room: SubstitutionService
    asked: list[DelistRequest] = field(default_factory=list)

    def delist(self, request):
        self.asked.append(request)
        return self.room.delist(request)


def test_a_delist_chart_is_asked_logged_and_drawn_like_the_others(shop, open_shop):
    heard = Heard(shop.services.what_ifs)
    opened, asked = open_shop(replaced={"what_ifs": heard}), heard.asked
    for form in ("svg", "png", "html"):
        got = opened.client.get(f"/v1/charts/delist.{form}?productIds=P007,P008&storeIds=st1&weeks=2")
        assert got.status_code == 200
        assert next(iter(opened.log.entries())).kind == "delist_what_if"
    assert asked[0] == DelistRequest(("P007", "P008"), ("st1",), None, 2)
    assert "leaves the shop" in opened.client.get("/v1/charts/delist.html?productIds=P007").text
    assert asked[-1] == DelistRequest(("P007",), None, None, 4)
    assert opened.client.get("/v1/charts/delist.svg?productIds=P007&clusterId=cluster-1").status_code == 200
    assert asked[-1] == DelistRequest(("P007",), None, "cluster-1", 4)
    for nothing, problem in (("", "a value, or left out"), (",", "set of stores")):
        empty = opened.client.get(f"/v1/charts/delist.svg?productIds=P007&storeIds={nothing}")
        assert empty.status_code == 400
        assert problem in empty.text
    assert opened.client.get("/v1/charts/delist.svg").status_code == 400
    assert opened.client.get("/v1/charts/delist.svg?productIds=P007&productId=P007").status_code == 400


def test_a_list_of_too_many_is_refused():
    with pytest.raises(ArgumentInvalid) as refused:
        chart_kinds.CHARTS["delist"].request_of({"productIds": "a," * 501})
    assert refused.value.argument == "productIds"


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.0, "0"), (-0.0, "0"), (None, "unknown"), (float("nan"), "unknown"), (float("inf"), "unknown"), (0.02234, "0.022"),
     (0.5, "0.50"), (12.345, "12.3"), (-3.0, "−3.0"), (1234.5, "1,234"), (1e9, "1.00 × 10⁹"), (-2.5e-7, "−2.50 × 10⁻⁷")],
)  # fmt: skip
def test_numbers_are_written_as_people_write_them(value, words):
    assert units_text(value) == words


def test_changes_shares_and_intervals():
    assert [change_text(one) for one in (1.5, -1.5, 0.0, None)] == ["+1.5", "−1.5", "0", "unknown"]
    assert [share_text(one, 200.0) for one in (50.0, 1.0, 0.1, 0.0, -50.0)] == ["25 %", "0.5 %", "under 0.1 %", "0 %", "−25 %"]
    assert share_text(1.0, 0.0) == share_text(float("nan"), 1.0) == ""
    assert (interval_text(1.0, 2.0), interval_text(None, 2.0)) == ("1.0 to 2.0", "unknown")
    assert (interval_text(2.3e-5, 99.0), interval_text(2e-5, 4e-5)) == ("0 to 99.0", f"{units_text(2e-5)} to {units_text(4e-5)}")


def test_names_are_made_readable_and_fit():
    assert readable(NASTY) == '<script>alert("1")</script> & $x^2$ é 牛乳'
    assert wrapped("one two three", 7, 2) == "one two\nthree"
    assert wrapped("one two three four", 7, 2) == "one two\nthree…"
    assert wrapped("x" * 30, 10, 2) == f"{'x' * 10}\n{'x' * 9}…"
    assert wrapped("", 10, 2) == ""
    assert wrapped("Chocolate milk low fat · 1 gal · Private · 1029743", 20, 2) == "Chocolate milk low\nfat · 1 g… · 1029743"
    assert wrapped("a b · an end too long to keep", 9, 1) == "a b · an…"
    assert all(len(line) <= 12 for line in wrapped("a bc def " * 40, 12, 3).split("\n"))


@pytest.fixture
def run_chart(shop, monkeypatch):
    opened = SimpleNamespace(open=lambda: SimpleNamespace(services_of=lambda: shop.services))
    monkeypatch.setattr(chart_command, "Installation", opened)
    return lambda *arguments: CliRunner().invoke(app, ["chart", *arguments])


@pytest.fixture
def installed(run_chart):
    return lambda *arguments: run_chart("forecast", *arguments)


@pytest.mark.parametrize(("ending", "start"), [("svg", b"<svg"), ("PNG", b"\x89PNG"), ("html", b"<!doctype")])
def test_the_command_writes_the_file_that_was_asked_for(installed, shop, tmp_path, ending, start):
    out = tmp_path / "made" / f"chart.{ending}"
    done = installed("P007", "--out", str(out), "--weeks", "3", "--store", "st1", "--json")
    assert done.exit_code == 0
    assert out.read_bytes().startswith(start)
    told = json.loads(done.stdout)
    assert (told["place"], len(told["weeks"])) == ("Store st1", 3)
    assert shop.log.verify().entries == 0


@pytest.mark.parametrize(("arguments", "code"), [(("nope",), 1), (("P059",), 1), (("P007", "--weeks", "x"), 2)])
def test_the_command_refuses_and_writes_nothing(installed, tmp_path, arguments, code):
    out = tmp_path / "chart.svg"
    assert installed(*arguments, "--out", str(out)).exit_code == code
    assert not out.exists()


def test_the_command_names_the_endings_and_a_place_it_cannot_write_to(installed, tmp_path):
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "chart.gif", tmp_path / "chart", tmp_path / "file" / "chart.svg"):
        done = installed("P007", "--out", str(out))
        assert done.exit_code == 2
        assert "--out" in done.output


def test_what_is_served_is_what_the_command_draws(installed, shop, tmp_path):
    out = tmp_path / "chart.svg"
    assert installed("P007", "--out", str(out)).exit_code == 0
    assert out.read_bytes() == shop.client.get(charts.chart_path("forecast", "svg"), params={"productId": "P007"}).content
    assert ForecastRequest("P007").horizon_weeks == chart_kinds.HORIZON_WEEKS


def test_what_is_served_of_a_delisting_is_what_the_command_draws(run_chart, shop, tmp_path):
    out = tmp_path / "chart.html"
    done = run_chart("delist", "P007", "P008", "--store", "st1", "--weeks", "2", "--out", str(out), "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["place"], told["weeks"], len(told["lost"])) == ("Store st1", 2, 2)
    assert told["lost"][0]["units"] > 0
    assert shop.log.verify().entries == 0
    drawn = tmp_path / "chart.svg"
    assert run_chart("delist", "P007", "--out", str(drawn)).exit_code == 0
    assert drawn.read_bytes() == shop.client.get(charts.chart_path("delist", "svg"), params={"productIds": "P007"}).content


@pytest.mark.parametrize(("arguments", "code"), [(("nope",), 1), (("P007", "--cluster", "c9"), 1), (("P007", "--weeks", "9"), 1)])
def test_a_delisting_that_is_refused_leaves_no_file(run_chart, tmp_path, arguments, code):
    out = tmp_path / "chart.svg"
    assert run_chart("delist", *arguments, "--out", str(out)).exit_code == code
    assert not out.exists()

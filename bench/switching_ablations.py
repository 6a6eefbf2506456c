"""What each part of the product tells of delistings alone, and what it adds to the model of choice, with time and memory.

Evidence alone is `shelfgraph`; algorithms alone `fastrp_knn`; the network alone `shelfgraph-gnn-only`. Joined, a part's weight is
learned twelve weeks before the cases, with what was known then.
"""

from collections.abc import Mapping
from datetime import date, timedelta

from bench.costs import Cost, metered
from bench.frame import BenchContext, BenchRow
from bench.switching_cases import open_cases
from bench.switching_graph import FastRp, Signal, for_all, joined, network_signal, promotion_signal, trained
from bench.switching_measured import Cases, Measured
from bench.switching_scores import Scored
from features.category_lines import CategoryLines
from features.choice_occasions import passed_over

__all__ = ["ablation_rows"]

TRIED_DAYS = 84
SEED = 8
LABEL = "test"


def ablation_rows(
    context: BenchContext, late: Cases, evidence: tuple[Scored, Cost], known: CategoryLines, lines: CategoryLines
) -> list[BenchRow]:
    """Return the figures on the slice `test` of each part, and of the model of choice with it.

    Args:
        context: of the run.
        late: cases after the last day of `known`.
        evidence: the model of choice fitted on `known`, and what fitting it took.
        known: lines up to the day that is known.
        lines: of the cases.
    """
    served, of_evidence = evidence
    before = known.as_of - timedelta(days=TRIED_DAYS)
    with context.progress.stage("Other parts alone, and joined"):
        signals, costs = _signals(context, before, known.as_of)
        drawn = passed_over(known, seed=SEED, days_per_category=3, products_per_day=1, horizon_days=28)
        tried = open_cases(known, [one for one in drawn if one.day >= (before - known.epoch).days], stayed=False)
        rows = of_evidence.rows("shelfgraph", LABEL)
        names = {"fastrp": ("fastrp",), "gnn": ("gnn",), "promotions": ("promotion",), "everything": tuple(signals)}
        for name, used in names.items():
            with metered() as cost:
                scored = joined(served, [signals[one] for one in used], tried, known, lines)
                rows += Measured.of(late, scored, chances=True).rows(f"shelfgraph-with-{name}", LABEL, late)
            whole = of_evidence.plus(cost)
            for one in used:
                whole = whole.plus(costs[one])
            rows += whole.rows(f"shelfgraph-with-{name}", LABEL)
        rows += Measured.of(late, for_all(signals["gnn"][1], lines), chances=False).rows("shelfgraph-gnn-only", LABEL, late)
        rows += costs["gnn"].rows("shelfgraph-gnn-only", LABEL) + costs["fastrp"].rows("fastrp_knn", LABEL)
    return rows


def _signals(context: BenchContext, before: date, today: date) -> tuple[Mapping[str, tuple[Signal, Signal]], Mapping[str, Cost]]:
    """Return each part's signal as of both days, and what the one of the later day took."""
    earlier, _ = trained(context, before)
    vectors, of_network = trained(context, today)
    with metered() as of_fastrp:
        near = FastRp.of(context)
        near.month(today)
    first = promotion_signal(context.lake, before)
    with metered() as of_promotions:
        second = promotion_signal(context.lake, today)
    signals: dict[str, tuple[Signal, Signal]] = {
        "fastrp": (near, near),
        "gnn": (network_signal(earlier), network_signal(vectors)),
        "promotion": (first, second),
    }
    return signals, {"fastrp": of_fastrp, "gnn": of_network, "promotion": of_promotions}

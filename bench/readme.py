"""Writes the README's figures from the results that are kept; `--check` says whether they agree."""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bench.catalogue import BENCHES

__all__ = ["figures_text", "main", "with_figures"]

PROJECT = Path(__file__).resolve().parent.parent
RESULTS = PROJECT / "bench" / "results"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
SHOWN_METRICS: Mapping[str, tuple[str, ...]] = {
    "load": ("seconds", "rows_per_second", "peak_rss_mb"),
    "reads": ("p50_ms", "p99_ms"),
    "off_policy": ("clicks_per_list", "effective_lists", "refused", "bias", "rmse", "coverage_90", "width"),
    "serve": (
        "requests_per_second",
        "p50_ms",
        "p99_ms",
        "errors",
        "highest_rate",
        "rss_growth_mb",
        "late_seconds",
        "stolen_share",
    ),
    "rush": (
        "capacity",
        "capacity_after",
        "goodput",
        "goodput_share",
        "refused_per_second",
        "other_answers",
        "recovery_seconds",
    ),
    "peers": ("requests_per_second", "p50_ms", "p99_ms", "errors", "requests_per_second_ratio_to_neo4j_graphql"),
    "next_basket": (
        "recall@10",
        "ndcg@10",
        "ndcg@10_untruncated",
        "hit_rate@10",
        "recall@20",
        "ndcg@20",
        "ndcg@10_ratio_to_decayed_frequency",
        "ndcg@10_ratio_to_best_floor",
        "ndcg@10_ratio_to_tifu_knn",
        "ndcg@10_ratio_to_frequency_and_last_baskets",
        "ndcg@10_ratio_to_als",
        "ndcg@10_ratio_to_als_mailer",
        "ndcg@10_ratio_to_shelfgraph",
        "ndcg@10_ratio_to_share_0.0",
        "hits@10",
        "new_met@10",
        "ndcg@10_seed_spread",
        "candidate_recall",
        "p50_ms",
        "p99_ms",
    ),
    "basket": (
        "recall@10",
        "ndcg@10",
        "hit_rate@10",
        "recall@20",
        "ndcg@20",
        "ndcg@10_ratio_to_popularity",
        "ndcg@10_ratio_to_basket_relations",
        "ndcg@10_ratio_to_item_knn",
        "ndcg@10_ratio_to_als",
    ),
    "explanations": (
        "fidelity",
        "mean_fall",
        "agreement",
        "cited_share",
        "recency_days",
        "popularity_percentile",
        "diversity",
        "p50_ms",
        "p99_ms",
    ),
    "next_item": ("hit_rate@5", "ndcg@5", "hit_rate@10", "ndcg@10", "hit_rate@20", "ndcg@20", "ndcg@10_ratio_to_followers"),
    "forecast": ("wape", "rmsse", "wrmsse", "bias", "rmsse_ratio_to_shelfgraph-without-neighbours", "coverage_80", "coverage_95"),
    "forecast_planted": ("sign_recovered", "within_factor_2", "attributed_rightly", "wape", "seconds", "peak_rss_mb", "exponent"),
    "switching": ("log_loss", "ndcg@10", "new_to_household_ndcg@10", "excess_captured@5"),
    "planted": ("coverage_90", "spearman", "spearman@12", "bias", "mae", "insufficient", "seconds", "peak_rss_mb"),
    "evidence": ("seconds", "peak_rss_mb", "rows", "rows_missing", "largest_difference"),
    "training": ("seconds", "peak_rss_mb", "digests"),
    "promotion_response": ("sign_agreement", "spearman"),
    "links": ("roc_auc", "pr_auc", "f1"),
    "whatif": (
        "coverage_90",
        "bias",
        "mae",
        "excess_captured@5",
        "placebo_z_mean",
        "placebo_z_sd",
        "p50_ms",
        "p99_ms",
        "seconds",
    ),
}


def figures_text() -> str:
    """Return the Markdown of all kept results, in the catalogue's order."""
    kept = sorted(RESULTS.glob("*.json"))
    # NAME.json and NAME.DATA.json: one benchmark's name may begin another's
    of_bench = {name: [path for path in kept if path.name.split(".")[0] == name] for name in BENCHES}
    return "\n".join(_section(json.loads(path.read_text())) for paths in of_bench.values() for path in paths)


def with_figures(readme: str) -> str:
    """Return the README with its figures replaced by today's results."""
    before, rest = readme.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{figures_text()}\n{END}{after}"


def main(arguments: list[str], say: Callable[[str], object] = sys.stdout.write) -> int:
    """Write the figures, or with `--check` compare them; return the exit code."""
    path = PROJECT / "README.md"
    current = path.read_text()
    fresh = with_figures(current)
    if "--check" in arguments:
        say("The README's figures agree with bench/results.\n" if fresh == current else "They differ: run `make docs-figures`.\n")
        return int(fresh != current)
    path.write_text(fresh)
    return 0


def _section(result: Mapping[str, Any]) -> str:
    name = str(result["bench"])
    metrics = [metric for metric in SHOWN_METRICS[name] if any(row["metric"] == metric for row in result["rows"])]
    table: dict[tuple[str, str], dict[str, str]] = {}
    for row in result["rows"]:
        if row["metric"] in metrics and ":" not in row["slice"]:
            table.setdefault((row["system"], row["slice"]), {})[row["metric"]] = _figure(row)
    data = f" --data {result['data']}" if result["data"] else ""
    title = f"**`shelfgraph bench {name}{data}`**: {BENCHES[name].claim.rstrip('.')}."
    head = f"| system | slice | {' | '.join(metrics)} |\n| --- | --- | {' | '.join('---:' for _ in metrics)} |"
    lines = [f"| {s} | {where} | {' | '.join(cells.get(m, '') for m in metrics)} |" for (s, where), cells in table.items()]
    notes = "".join(f"\n- {note}" for note in result["notes"])
    foot = f"{result['seconds']:,.0f} s on {result['machine']}, code {result['commit']}."
    return f"{title}\n\n{head}\n" + "\n".join(lines) + f"\n\n{foot}{notes}\n"


def _figure(row: Mapping[str, Any]) -> str:
    value = _number(float(row["value"]))
    if row["low"] is None or row["high"] is None:
        return value
    return f"{value} [{_number(float(row['low']))}, {_number(float(row['high']))}]"


def _number(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:,.0f}"
    if 1 <= abs(value) < 2:
        # a ratio a little above 1 is not 1
        return f"{value:.4g}"
    # what is almost nothing is told apart from nothing
    return f"{value:.3g}" if abs(value) >= 1 or 0 < abs(value) < 5e-5 else f"{value:.4f}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

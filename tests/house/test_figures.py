"""The README's figures are those of the kept results."""

import json
from pathlib import Path

from bench.catalogue import BENCHES
from bench.readme import RESULTS, figures_text, with_figures

ROW_KEYS = {"system", "metric", "slice", "value", "low", "high", "n", "seeds"}
RESULT_KEYS = {"bench", "data", "as_of", "rows", "seconds", "peak_rss_mb", "machine", "versions", "data_digest", "commit"}


def test_the_readme_agrees_with_the_results(project_root: Path) -> None:
    readme = (project_root / "README.md").read_text()
    assert with_figures(readme) == readme


def test_each_result_is_told_once() -> None:
    titles = [line for line in figures_text().splitlines() if line.startswith("**`shelfgraph bench ")]
    assert len(titles) == len(set(titles)) == len(list(RESULTS.glob("*.json")))


def test_results_are_whole_runs_of_known_benchmarks(project_root: Path) -> None:
    results = sorted((project_root / "bench" / "results").glob("*.json"))
    measured = {path.stem.split(".")[0] for path in results}
    assert measured == set(BENCHES)
    for path in results:
        result = json.loads(path.read_text())
        assert path.stem.split(".")[0] == result["bench"]
        assert result["bench"] in BENCHES
        assert result.keys() >= RESULT_KEYS
        assert result["quick"] is False
        assert result["as_of"] or result["data"]
        assert all(row.keys() == ROW_KEYS for row in result["rows"])

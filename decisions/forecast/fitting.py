"""From the lake to what serving needs: models, metadata and feature tables."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from decisions.forecast.artefact import METADATA_FILE, ForecastMetadata, LevelMetadata, model_file, write_metadata
from decisions.forecast.backtest import MODEL_SYSTEM, LevelVerdict, held_out_origin, judge, trials
from decisions.forecast.contributions import neutral_values
from decisions.forecast.errors import TooLittleHistory
from decisions.forecast.model import MAXIMUM_ROWS, DemandModel, training_rows
from decisions.forecast.tables import history_table, history_table_name, rows_table, rows_table_name
from features.demand import DemandTransform
from features.demand_neighbours import Neighbours, neighbours
from features.demand_panel import MAXIMUM_HORIZON_WEEKS, DemandPanel, NoCompleteWeek, chain_panel, store_panel
from kit.canonical import digest_of_bytes
from kit.progress import Progress
from lake import Lake

__all__ = ["better_variant", "fit"]

HORIZONS = range(1, MAXIMUM_HORIZON_WEEKS + 1)
MINIMUM_WEEKS_SOLD_IN_STORE = 4
MINIMUM_WEEKS = 2
VARIANTS = {True: "with_neighbours", False: "without_neighbours"}
MINIMUM_ROWS = 200
"""Below this many training rows no model is tried: the baselines serve."""


@dataclass(frozen=True, slots=True)
class _FittedLevel:
    metadata: LevelMetadata
    model: bytes | None
    tables: Mapping[str, pa.Table]
    figures: Mapping[str, float]


def fit(
    lake: Lake,
    *,
    as_of: date,
    edges_as_of: Callable[[date], Mapping[str, pa.Table]],
    seed: int,
    progress: Progress,
    promotion_plan: bool = True,
    with_neighbours: bool | None = None,
) -> tuple[dict[str, bytes], dict[str, pa.Table], dict[str, float]]:
    """Fit, back-test and prepare serving for the whole chain and for products in stores.

    Args:
        lake: `sales_lines`, `promotion_weeks` and `products` are read, nothing sold after `as_of`.
        as_of: the day whose end is "now".
        edges_as_of: gives the edges by relation (`source`, `target`, `strength`) as derived from what was known on a day: for
            `as_of` those of the published graph, and for the eve of the held-out weeks those that the back-test may know. A
            relation that is left out has no edges; siblings of category and type are neighbours in any case.
        seed: of the draws and of the model; equal input and seed give equal bytes.
        progress: who watches.
        promotion_plan: whether promotion rows of later weeks are taken as a plan known today.
        with_neighbours: whether models learn from neighbours; None lets the back-test decide for each level.

    Returns:
        The artefact's files, the feature tables, and figures by name (`chain_wape_mean_8`, ...).

    Raises:
        TooLittleHistory: too few complete weeks are known.
    """
    with progress.stage("demand panels", 2) as stage:
        chain = _known_chain(lake, as_of, promotion_plan=promotion_plan)
        stage.advance()
        stores = store_panel(lake, chain, promotion_plan=promotion_plan, minimum_weeks_sold=MINIMUM_WEEKS_SOLD_IN_STORE)
        stage.note(f"{len(chain.product_ids)} products, {len(stores.product_ids)} products in stores")
        stage.advance()
    relations, on_eve = (neighbours(chain, edges_as_of(day)) for day in (as_of, _eve_of_back_test(chain)))
    levels: dict[str, _FittedLevel] = {}
    for name, panel in (("chain", chain), ("store", stores)):
        with progress.stage(f"forecast model, {name}", 4) as stage:
            levels[name] = _fit_level(name, DemandTransform(panel, chain, relations), on_eve, seed, with_neighbours)
            stage.advance(4)
    metadata = ForecastMetadata(
        as_of, chain.weeks[-1], seed, chain.planned_weeks, {name: level.metadata for name, level in levels.items()}
    )
    return _outputs(metadata, levels)


def _known_chain(lake: Lake, as_of: date, *, promotion_plan: bool) -> DemandPanel:
    try:
        chain = chain_panel(lake, as_of=as_of, promotion_plan=promotion_plan)
    except NoCompleteWeek as error:
        raise TooLittleHistory(as_of, 0) from error
    if chain.week_count < MINIMUM_WEEKS:
        raise TooLittleHistory(as_of, chain.week_count)
    return chain


def _eve_of_back_test(chain: DemandPanel) -> date:
    """Return the last day that the back-test's first origin knows."""
    return chain.target_week(held_out_origin(chain.week_count)) - timedelta(days=1)


def better_variant(
    transform: DemandTransform,
    on_eve: Neighbours,
    seed: int,
    *,
    with_neighbours: bool | None = None,
    maximum_rows: int = MAXIMUM_ROWS,
) -> tuple[bool, LevelVerdict]:
    """Return whether models of the level should learn from neighbours, and the verdict on the better variant.

    Both variants are fitted as they would have been on the eve of the held-out weeks, and judged on these; neighbours have to
    lower the error to be used.

    Args:
        transform: features of the level.
        on_eve: the neighbours as they were known on that eve.
        seed: of the draws and of the model.
        with_neighbours: asks for one variant, whatever the other would do.
        maximum_rows: training rows of each.
    """
    wanted = (True, False) if with_neighbours is None else (with_neighbours,)
    tried = {used: _back_test(replace(transform, relations=on_eve if used else None), seed, maximum_rows) for used in wanted}
    errors = {used: verdict.figures.get(f"wape_{MODEL_SYSTEM}", math.inf) for used, verdict in tried.items()}
    used = min(errors, key=lambda one: (errors[one], one))
    figures = {f"{VARIANTS[one]}_wape": error for one, error in errors.items() if math.isfinite(error)}
    return used, replace(tried[used], figures={**tried[used].figures, **figures})


def _back_test(transform: DemandTransform, seed: int, maximum_rows: int) -> LevelVerdict:
    """Fit as it would have been fitted on the eve of the held-out weeks, and judge on these."""
    held_out = held_out_origin(transform.panel.week_count)
    rows = training_rows(transform, HORIZONS, seed=seed, maximum_rows=maximum_rows, before_week=held_out)
    tried = DemandModel.train(rows, transform.names, seed=seed) if len(rows.targets) >= MINIMUM_ROWS else None
    return judge(trials(transform, tried))


def _fit_level(
    name: str, transform: DemandTransform, on_eve: Neighbours, seed: int, with_neighbours: bool | None
) -> _FittedLevel:
    used, verdict = better_variant(transform, on_eve, seed, with_neighbours=with_neighbours)
    transform = transform if used else replace(transform, relations=None)
    thin = judge(trials(transform, None, supported=False))
    rows = training_rows(transform, HORIZONS, seed=seed, maximum_rows=MAXIMUM_ROWS)
    model = DemandModel.train(rows, transform.names, seed=seed).to_bytes() if verdict.system == MODEL_SYSTEM else None
    supported = transform.supported(transform.panel.week_count)
    tables = {
        history_table_name(name): history_table(transform.panel, supported),
        rows_table_name(name): rows_table(transform, supported),
    }
    figures = {f"{name}_{key}": value for key, value in verdict.figures.items()}
    figures |= {f"{name}_thin_{key}": value for key, value in thin.figures.items()}
    figures |= {f"{name}_training_rows": float(len(rows.targets)), f"{name}_supported_series": float(len(supported))}
    neutral = neutral_values(transform.names, rows.features)
    return _FittedLevel(_level_metadata(transform, verdict, thin, model, neutral), model, tables, figures)


def _level_metadata(
    transform: DemandTransform, verdict: LevelVerdict, thin: LevelVerdict, model: bytes | None, neutral: np.ndarray
) -> LevelMetadata:
    return LevelMetadata(
        system=verdict.system,
        baseline=verdict.baseline,
        intervals=verdict.intervals,
        feature_names=transform.names,
        neutral=tuple(neutral.tolist()),
        model_digest=None if model is None else digest_of_bytes(model),
        thin_baseline=thin.baseline,
        thin_intervals=thin.intervals,
        figures=verdict.figures,
    )


def _outputs(
    metadata: ForecastMetadata, levels: Mapping[str, _FittedLevel]
) -> tuple[dict[str, bytes], dict[str, pa.Table], dict[str, float]]:
    artefact = {METADATA_FILE: write_metadata(metadata)}
    artefact |= {model_file(name): level.model for name, level in levels.items() if level.model is not None}
    tables = {key: table for level in levels.values() for key, table in level.tables.items()}
    figures = {key: value for level in levels.values() for key, value in level.figures.items()}
    return artefact, tables, figures

"""The global demand model: gradient-boosted Tweedie regressions over all series and horizons, the mean of two seeds.

It learns how far demand departs from an offset, the logarithm of a level that is taken from the features themselves
(half the decayed mean, half the mean of alike weeks), so that the trees spend their splits on what changes.
Log link: `units = exp(offset + sum of trees)`. Deterministic for equal rows and seed.

A damaged text model aborts the whole process inside the library: `DemandModel.from_files` takes the digests that the
artefact's metadata states and parses nothing that does not match them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np

from decisions.forecast.errors import ForecastArtefactError
from features.demand import CATEGORICAL_FEATURES, DemandTransform
from features.demand_pull import PULL_FEATURES, pull_factor
from kit.canonical import digest_of_bytes
from kit.threads import threads_for

__all__ = ["DemandModel", "TrainingRows", "level_of", "opened_boosters", "training_rows"]

LEVEL_FLOOR_UNITS = 0.05
FIRST_ORIGIN_WEEKS = 9
ORIGINS = 30
MAXIMUM_ROWS = 240_000
SMALL_ROWS = 20_000
"""Rows below which one thread trains and predicts (`kit.threads`)."""
ROUNDS = 120
SEEING = 0.5
"""Share of the training rows of weeks without a known plan that are shown what was planned: a plan may be supposed later."""
MEMBERS = 2
MEMBERS_APART = 1000
"""Trees of one seed are off by chance of the draw; the mean of two is off by less, at twice the price."""
PARAMETERS: dict[str, Any] = {
    "objective": "tweedie",
    "tweedie_variance_power": 1.3,
    "learning_rate": 0.1,
    "num_leaves": 63,
    "min_data_in_leaf": 100,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "max_bin": 63,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}


@dataclass(frozen=True, slots=True)
class TrainingRows:
    """Feature rows (n x F, float32) with the units that followed (n) and the column of the week they were sold in (n)."""

    features: np.ndarray
    targets: np.ndarray
    target_weeks: np.ndarray

    def before(self, week: int) -> "TrainingRows":
        """Return the rows whose target lies before the column `week`."""
        kept = self.target_weeks < week
        return TrainingRows(self.features[kept], self.targets[kept], self.target_weeks[kept])


def training_rows(
    transform: DemandTransform,
    horizons: Sequence[int],
    *,
    seed: int,
    maximum_rows: int = MAXIMUM_ROWS,
    before_week: int | None = None,
) -> TrainingRows:
    """Return rows of all supported series at the last 30 origins, drawn at random down to about `maximum_rows`.

    With `before_week` the rows are those that would have been drawn when that many weeks were known: origins and targets lie
    before that column. None: all known weeks.

    Which series are supported is decided at each origin from the past alone. Odd origins take odd horizons and even
    ones even horizons, which halves the work and loses little: neighbouring horizons tell the same story.
    """
    weeks = before_week or transform.panel.week_count
    first = min(max(FIRST_ORIGIN_WEEKS, weeks - ORIGINS), weeks - 1)
    picks = [(origin, _horizons_of(origin, horizons, weeks)) for origin in range(first, weeks)]
    supported = {origin: transform.supported(origin) for origin, chosen in picks if chosen}
    total = sum(len(supported[origin]) * len(chosen) for origin, chosen in picks if chosen)
    share = min(1.0, maximum_rows / max(total, 1))
    random = np.random.default_rng(seed)
    blocks = [_block(transform, origin, supported[origin], chosen, share, random) for origin, chosen in picks if chosen]
    return TrainingRows(*(np.concatenate(parts) for parts in zip(*blocks, strict=True)))


def _horizons_of(origin: int, horizons: Sequence[int], weeks: int) -> list[int]:
    known = [horizon for horizon in horizons if origin + horizon - 1 < weeks]
    return [horizon for horizon in known if horizon % 2 == origin % 2] or known


def _block(
    transform: DemandTransform, origin: int, rows: np.ndarray, horizons: list[int], share: float, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    drawn = rows[random.random(len(rows)) < share]
    features = np.concatenate([_shown(transform, origin, drawn, horizon, random) for horizon in horizons])
    weeks = np.repeat(origin + np.asarray(horizons) - 1, len(drawn))
    return features, transform.targets(origin, drawn, horizons).reshape(-1), weeks


def _shown(transform: DemandTransform, origin: int, rows: np.ndarray, horizon: int, random: np.random.Generator) -> np.ndarray:
    """Return the features of one week ahead (n x F). Where serving will know no plan, half of the rows have it all the same."""
    blind: np.ndarray = transform.features(origin, rows, [horizon])[0]
    if transform.panel.is_planned(horizon):
        return blind
    seeing = np.flatnonzero(random.random(len(rows)) < SEEING)
    blind[seeing] = transform.features(origin, rows[seeing], [horizon], planned=True)[0]
    return blind


def level_of(names: Sequence[str], features: np.ndarray) -> np.ndarray:
    """Return the level (units a week, above 0) that the model's offset is the logarithm of."""
    decayed = features[:, names.index("decayed_6")].astype(np.float64)
    alike = features[:, names.index("alike_mean")].astype(np.float64)
    return LEVEL_FLOOR_UNITS + 0.5 * decayed + 0.5 * np.where(np.isnan(alike), decayed, alike)


def opened_boosters(files: Mapping[str, bytes], digests: Mapping[str, str]) -> list[lightgbm.Booster]:
    """Return the text models that are kept in `files`, in the order of `digests` (SHA-256 by file).

    Raises: ForecastArtefactError when one is missing or is not what its digest says.
    """
    for file, digest in digests.items():
        if file not in files:
            raise ForecastArtefactError(file, "it is missing")
        if digest_of_bytes(files[file]) != digest:
            raise ForecastArtefactError(file, "its content does not match the digest in the metadata")
    return [lightgbm.Booster(model_str=files[file].decode()) for file in digests]


class DemandModel:
    """A fitted ensemble over named features: its forecast is the mean of its members'.

    Args:
        boosters: the trees of each member.
        names: feature names in column order. Those of pulls, where they are the last, are for `pull_factor`, not for the trees.
    """

    def __init__(self, boosters: Sequence[lightgbm.Booster], names: tuple[str, ...]) -> None:
        self._boosters = tuple(boosters)
        self.names = names

    @staticmethod
    def train(
        rows: TrainingRows, names: tuple[str, ...], *, seed: int, rounds: int = ROUNDS, members: int = MEMBERS
    ) -> "DemandModel":
        """Return the model of `rows`; its members differ in what their trees draw."""
        categorical = [names.index(name) for name in CATEGORICAL_FEATURES if name in names]
        data = lightgbm.Dataset(
            rows.features,
            rows.targets,
            init_score=np.log(level_of(names, rows.features)),
            feature_name=list(names),
            categorical_feature=categorical,
            free_raw_data=False,
        )
        threads = threads_for(len(rows.targets), small=SMALL_ROWS)
        drawn = [{**PARAMETERS, "seed": MEMBERS_APART * seed + member, "num_threads": threads} for member in range(members)]
        return DemandModel([lightgbm.train(parameters, data, rounds) for parameters in drawn], names)

    @staticmethod
    def from_files(files: Mapping[str, bytes], digests: Mapping[str, str], names: tuple[str, ...]) -> "DemandModel":
        """Return the model whose members are kept in `files`, in the order of `digests` (SHA-256 by file).

        Raises: ForecastArtefactError when one is missing or is not what its digest says.
        """
        return DemandModel(opened_boosters(files, digests), names)

    def to_files(self, prefix: str) -> dict[str, bytes]:
        """Return the text model of each member by file name."""
        return {f"{prefix}_{number}.txt": one.model_to_string().encode() for number, one in enumerate(self._boosters)}

    def with_pull(self) -> "DemandModel":
        """Return the same trees, whose forecasts are moved by how far neighbours pull (`features.demand_pull`)."""
        return DemandModel(self._boosters, (*self.names, *PULL_FEATURES))

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Return expected units (n, float64) for feature rows (n x F)."""
        threads = threads_for(len(features), small=SMALL_ROWS)
        pulled = self.names[-len(PULL_FEATURES) :] == PULL_FEATURES
        seen = np.ascontiguousarray(features[:, : -len(PULL_FEATURES)]) if pulled else features
        raw = [np.asarray(one.predict(seen, raw_score=True, num_threads=threads)) for one in self._boosters]
        units = np.mean(np.exp(np.asarray(raw, dtype=np.float64)), axis=0) * level_of(self.names, features)
        return np.asarray(units * pull_factor(features[:, -len(PULL_FEATURES) :]) if pulled else units)

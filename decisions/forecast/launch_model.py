"""What launches sell, from what is known before them: gradient-boosted Tweedie regressions of the first week and of those after.

The week of a launch sells by definition, so it is told as units beyond the least that any launch sold in its first week. Log
link, offset by the mean of each week. Deterministic for equal rows and seed. As in `model.py` nothing is parsed that does not
match its digest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np

from decisions.forecast.errors import ForecastArtefactError
from decisions.forecast.launch_metadata import LaunchScale
from decisions.forecast.model import PARAMETERS as DEMAND_PARAMETERS
from decisions.forecast.model import opened_boosters
from features.demand_launch_features import LAUNCH_FEATURES, launch_rows, told_at
from features.demand_launches import LAUNCH_WEEKS, LaunchPanel

__all__ = ["LaunchModel", "LaunchRows", "launch_training_rows"]

LEADS = 4
"""Training sees a launch 0 to 3 weeks ahead, as planners ask before the week of a launch."""
PLANNED_COVERAGE = 0.1
UNPLANNED_SHARE, UNPLANNED_LAUNCHES = 0.25, 1000
"""Most first sales are of slow sellers that nobody promotes: a quarter of them, or 1,000 where that is more, tells the rest."""
SEEING = 0.5
"""Share of the rows that see the whole plan where serving will know a part of it."""
MINIMUM_ROWS = 200
THREADS = 1
"""Some ten thousand rows: a second thread waits longer than it works, on a busy machine many times as long."""
LEAST_MEAN = 1e-3
FIRST, LATER = "first", "later"
PARTS: Mapping[str, slice] = {FIRST: slice(1), LATER: slice(1, LAUNCH_WEEKS)}
RISING = ("first", "later", "donor_first", "donor_later")
"""What siblings and donors sold when they were launched never lowers a forecast: a better donor brings no less."""
ROUNDS = 150
MEMBERS = 2
MEMBERS_APART = 1000
PARAMETERS: dict[str, Any] = {
    **DEMAND_PARAMETERS,
    "tweedie_variance_power": 1.5,
    "num_leaves": 31,
    "min_data_in_leaf": 40,
    "feature_fraction": 0.5,
}
"""Those of the demand model, for a hundredth of its rows: smaller trees of fewer features each."""
NAMES = tuple(LAUNCH_FEATURES)


@dataclass(frozen=True, slots=True, eq=False)
class LaunchRows:
    """Features of launches (4 x n x F), and what they sold (4 x n, NaN where it is not known)."""

    features: np.ndarray
    units: np.ndarray


def launch_training_rows(launches: LaunchPanel, before: int, *, planned_weeks: int, seed: int) -> LaunchRows:
    """Return the launches before a column, each told as it was 0 to 3 weeks ahead, with what was sold before that column.

    Args:
        launches: all products.
        before: sales from this column on are not read.
        planned_weeks: how many weeks of the plan serving knows.
        seed: of the draw.
    """
    random = np.random.default_rng(seed)
    rows = _drawn(launches, launches.launched(before), random)
    origin = launches.first[rows] - rows % LEADS
    planned = np.where(random.random(len(rows)) < SEEING, LEADS + LAUNCH_WEEKS, planned_weeks)
    blocks, ordered = [], []
    for one in np.unique(origin):
        chosen = np.flatnonzero(origin == one)
        told = told_at(launches, rows[chosen], int(one), planned_weeks=planned[chosen])
        blocks.append(launch_rows(told, launches.panel.target_week(int(one))))
        ordered.append(rows[chosen])
    if not blocks:
        return LaunchRows(np.zeros((LAUNCH_WEEKS, 0, len(NAMES)), dtype=np.float32), np.zeros((LAUNCH_WEEKS, 0)))
    return LaunchRows(np.concatenate(blocks, axis=1), launches.curves(np.concatenate(ordered), before))


def _drawn(launches: LaunchPanel, rows: np.ndarray, random: np.random.Generator) -> np.ndarray:
    columns = launches.first[rows] + np.arange(LAUNCH_WEEKS)[:, None]
    columns = np.minimum(columns, launches.panel.week_count - 1)
    covered = [np.nan_to_num(part[rows, columns]).max(axis=0) for part in (launches.panel.display, launches.panel.mailer)]
    planned = np.maximum(*covered) >= PLANNED_COVERAGE
    share = max(UNPLANNED_SHARE, UNPLANNED_LAUNCHES / max(1, int(np.count_nonzero(~planned))))
    return np.asarray(rows[planned | (random.random(len(rows)) < share)])


def _scale_of(rows: LaunchRows) -> LaunchScale:
    """Return the scale of launches of which every week was sold in by one."""
    least = float(np.nanmin(rows.units[0]))
    beyond = np.nanmean(rows.units, axis=1) - np.eye(LAUNCH_WEEKS)[0] * least
    return LaunchScale(least, tuple(np.maximum(beyond, LEAST_MEAN).tolist()))


class LaunchModel:
    """A fitted ensemble: its forecast is the mean of its members'.

    Args:
        boosters: the members by part of the launch, `first` and `later`.
        scale: what the trees depart from.
    """

    def __init__(self, boosters: Mapping[str, Sequence[lightgbm.Booster]], scale: LaunchScale) -> None:
        self._boosters = boosters
        self.scale = scale

    @staticmethod
    def can_learn(rows: LaunchRows) -> bool:
        """Return whether there is enough to train on, of every week, and anything to tell launches apart by."""
        if int((~np.isnan(rows.units)).sum(axis=1).min()) < MINIMUM_ROWS:
            return False
        first, later = rows.units[0], rows.units[1:]
        return bool(np.nanmax(first) > np.nanmin(first) and np.nanmax(later) > 0)

    @staticmethod
    def train(rows: LaunchRows, *, seed: int, members: int = MEMBERS) -> "LaunchModel":
        """Return the model of launches."""
        scale = _scale_of(rows)
        return LaunchModel({part: _trained(rows, weeks, scale, seed, members) for part, weeks in PARTS.items()}, scale)

    @staticmethod
    def from_files(files: Mapping[str, bytes], digests: Mapping[str, str], scale: LaunchScale) -> "LaunchModel":
        """Return the model that is kept in `files` named by `digests`. Raises: ForecastArtefactError."""
        told = {part: {name: digest for name, digest in digests.items() if f"_{part}_" in name} for part in PARTS}
        for part, named in told.items():
            if not named:
                raise ForecastArtefactError(part, "no trees of launches are named for it")
        return LaunchModel({part: opened_boosters(files, named) for part, named in told.items()}, scale)

    def to_files(self, prefix: str) -> dict[str, bytes]:
        """Return the text model of each member by file name."""
        return {
            f"{prefix}_{part}_{number}.txt": one.model_to_string().encode()
            for part, boosters in self._boosters.items()
            for number, one in enumerate(boosters)
        }

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Return expected units (4 x n, float64) from features (4 x n x F)."""
        units = np.zeros(features.shape[:2])
        for part, weeks in PARTS.items():
            asked = features[weeks]
            flat = asked.reshape(-1, asked.shape[2])
            raw = [np.asarray(one.predict(flat, raw_score=True, num_threads=THREADS)) for one in self._boosters[part]]
            offset = np.log(np.asarray(self.scale.means)[weeks])[:, None]
            units[weeks] = np.mean(np.exp(np.asarray(raw, dtype=np.float64).reshape(len(raw), *asked.shape[:2]) + offset), axis=0)
        units[0] += self.scale.least
        return units


def _trained(rows: LaunchRows, weeks: slice, scale: LaunchScale, seed: int, members: int) -> list[lightgbm.Booster]:
    units = rows.units[weeks]
    known = ~np.isnan(units)
    beyond = units - (scale.least if weeks.start is None else 0.0)
    offset = np.broadcast_to(np.log(np.asarray(scale.means)[weeks])[:, None], units.shape)
    data = lightgbm.Dataset(
        rows.features[weeks][known], beyond[known], init_score=offset[known], feature_name=list(NAMES), free_raw_data=False
    )
    rising = [int(name.endswith(RISING)) for name in NAMES]
    drawn = [
        {**PARAMETERS, "monotone_constraints": rising, "seed": MEMBERS_APART * seed + member, "num_threads": THREADS}
        for member in range(members)
    ]
    return [lightgbm.train(parameters, data, ROUNDS) for parameters in drawn]

"""The choice model as an artefact: weights as canonical JSON, trees as LightGBM's text. The artefact store checks its digest."""

import json
from collections.abc import Mapping

import lightgbm
import numpy as np

from decisions.relations.choice import FEATURES, ChoiceModel
from kit.canonical import canonical_bytes

__all__ = ["ARTEFACT", "model_files", "read_model"]

ARTEFACT = "relation_choice"
"""Under this name `Release.models` holds the digest of the model that the back-test tried."""
WEIGHTS_FILE = "choice.json"
TREES_FILE = "choice_trees.txt"
FORMAT = "relation_choice/1"


def model_files(model: ChoiceModel) -> dict[str, bytes]:
    """Return the artefact's files by name."""
    weights = dict(zip(FEATURES, (float(weight) for weight in model.weights), strict=True))
    files = {WEIGHTS_FILE: canonical_bytes({"format": FORMAT, "weights": weights, "choices": model.choices})}
    return files if model.trees is None else files | {TREES_FILE: model.trees.model_to_string().encode()}


def read_model(files: Mapping[str, bytes]) -> ChoiceModel | None:
    """Return the model; None where it was fitted on other features, so that it says nothing of today's."""
    value = json.loads(files[WEIGHTS_FILE])
    if value["format"] != FORMAT or set(value["weights"]) != set(FEATURES):
        return None
    weights = np.array([value["weights"][name] for name in FEATURES])
    trees = lightgbm.Booster(model_str=files[TREES_FILE].decode()) if TREES_FILE in files else None
    return ChoiceModel(weights, trees, value["choices"])

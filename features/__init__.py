"""Definitions of features, point-in-time joins, and the feature snapshot that serving reads."""

from features.snapshot import FeatureSnapshot, FeatureSnapshotError, open_features, publish_features

__all__ = ["FeatureSnapshot", "FeatureSnapshotError", "open_features", "publish_features"]

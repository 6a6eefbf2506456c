"""Definitions of features, point-in-time joins, and the feature snapshot that serving reads."""

from features.snapshot import FeatureSnapshot, FeatureSnapshotError, InMemory, Tables, open_features, publish_features

__all__ = ["FeatureSnapshot", "FeatureSnapshotError", "InMemory", "Tables", "open_features", "publish_features"]

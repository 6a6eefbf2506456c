"""The columns of evidence that every derived edge has (docs/vocabulary.md), as a batch of edges holds them."""

import pyarrow as pa

__all__ = ["EVIDENCE_SCHEMA"]

EVIDENCE_SCHEMA = pa.schema(
    [
        ("source", pa.string()),
        ("target", pa.string()),
        ("assertion_id", pa.string()),
        ("strength", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("unit", pa.string()),
        ("scope", pa.string()),
        ("events", pa.int64()),
        ("support", pa.int64()),
        ("first_observed", pa.date32()),
        ("last_observed", pa.date32()),
        ("sources", pa.list_(pa.string())),
        ("run_id", pa.string()),
        ("model_version", pa.string()),
        ("grade", pa.string()),
        ("status", pa.string()),
        ("valid_from", pa.date32()),
        ("valid_to", pa.date32()),
        ("recorded_from", pa.timestamp("us", "UTC")),
        ("recorded_to", pa.timestamp("us", "UTC")),
    ]
)

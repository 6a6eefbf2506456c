"""`python -m bench.evidence_spark`: what `bench.evidence_engines` does, on Spark, which is an extra of the installation."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bench.evidence_engines import MEMORY_GB, derive_on
from kg.java import bundled_java
from lake import Lake
from lake.delta_lake import DeltaLake
from lake.spark_engine import SparkEngine
from lake.spark_lake import SparkLake

__all__ = ["main"]

QUICK_JAVA = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""Code that runs once is compiled once and quickly, never twice and well."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the evidence of every kind and what each took on Spark; its Java process counts with ours."""
    derive_on(_spark, arguments)


@contextmanager
def _spark(files: DeltaLake, quick: bool) -> Iterator[tuple[Lake, int | None]]:
    engine = SparkEngine(bundled_java(), memory=f"{MEMORY_GB}g", java_options=QUICK_JAVA if quick else ())
    try:
        yield SparkLake(files, engine), engine.pid
    finally:
        engine.stop()


if __name__ == "__main__":
    main()

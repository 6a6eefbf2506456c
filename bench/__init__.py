"""One command per claim: each measures ours and every baseline in the same run."""

from bench.frame import Bench, BenchContext, BenchResult, BenchRow

__all__ = ["Bench", "BenchContext", "BenchResult", "BenchRow"]

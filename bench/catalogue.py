"""Every benchmark by name."""

from bench import demand, load, next_basket, reads, serve, switching
from bench.frame import Bench

__all__ = ["BENCHES"]

BENCHES: dict[str, Bench] = {
    bench.name: bench for bench in (load.BENCH, reads.BENCH, serve.BENCH, next_basket.BENCH, demand.BENCH, switching.BENCH)
}

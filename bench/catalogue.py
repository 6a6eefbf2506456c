"""Every benchmark by name."""

from bench import (
    basket,
    evidence,
    explanations,
    forecast,
    forecast_planted,
    links,
    load,
    next_basket,
    next_item,
    off_policy,
    peer_api,
    planted,
    promotion_response,
    reads,
    serve,
    serve_rush,
    switching,
    training,
    whatif,
)
from bench.frame import Bench

__all__ = ["BENCHES"]

BENCHES: dict[str, Bench] = {
    bench.name: bench
    for bench in (
        load.BENCH,
        reads.BENCH,
        serve.BENCH,
        serve_rush.BENCH,
        peer_api.BENCH,
        next_basket.BENCH,
        basket.BENCH,
        off_policy.BENCH,
        explanations.BENCH,
        next_item.BENCH,
        forecast.BENCH,
        forecast_planted.BENCH,
        switching.BENCH,
        planted.BENCH,
        evidence.BENCH,
        training.BENCH,
        promotion_response.BENCH,
        links.BENCH,
        whatif.BENCH,
    )
}

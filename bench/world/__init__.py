"""A world whose truth is known: simulated shoppers, the facts they leave, and what is true of their choices."""

from bench.world.ahead import Ahead
from bench.world.generate import World, generate_world, open_world
from bench.world.scopes import Scope, chain, of_households, of_season, of_stores
from bench.world.sizes import LARGE, MEDIUM, SIZES, SMALL, WorldSize

__all__ = [
    "LARGE",
    "MEDIUM",
    "SIZES",
    "SMALL",
    "Ahead",
    "Scope",
    "World",
    "WorldSize",
    "chain",
    "generate_world",
    "of_households",
    "of_season",
    "of_stores",
    "open_world",
]

"""Real series shipped with grukit and generators of standard sequence problems."""

from grukit.datasets._chaos import make_lorenz, make_mackey_glass
from grukit.datasets._generators import make_adding_problem, make_copy_memory, make_narma, make_sines
from grukit.datasets._loaders import (
    load_co2,
    load_elnino,
    load_grunfeld,
    load_macrodata,
    load_nile,
    load_sunspots,
)

__all__ = [
    "load_co2",
    "load_elnino",
    "load_grunfeld",
    "load_macrodata",
    "load_nile",
    "load_sunspots",
    "make_adding_problem",
    "make_copy_memory",
    "make_lorenz",
    "make_mackey_glass",
    "make_narma",
    "make_sines",
]

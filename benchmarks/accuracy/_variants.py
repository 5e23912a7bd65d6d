"""Which models the suite of defaults compares: the default, and variants named on the command line."""

import ast
import re
from collections.abc import Callable
from importlib import import_module
from typing import Any

Factory = Callable[..., Any]  # (window, random_state) -> an estimator


OLD = "old default"
# The defaults before an estimator chose anything by itself, but in batches of today's sizes: those before had 64 samples.
OLD_DEFAULTS: dict[str, dict[str, Any]] = {
    "GRURegressor": {
        "early_stopping": False, "difference": False, "anchor": None, "linear_lags": 0, "max_iter": 200,
        "learning_rate_init": 0.003, "n_iter_no_change": 10, "alpha": 0.0,
    },
    "GRUClassifier": {
        "early_stopping": False, "difference": False, "linear_lags": 0, "max_iter": 200, "n_iter_no_change": 10, "alpha": 0.0,
        "weight_init": "glorot",
    },
}  # fmt: skip


def with_parameters(kind: str, parameters: dict[str, Any]) -> Factory:
    """A factory of ``GRURegressor`` or ``GRUClassifier`` with parameters of its own."""

    def make(window: int | None, random_state: int) -> Any:
        import grukit

        return getattr(grukit, kind)(**{"window": window, "random_state": random_state, **parameters})

    return make


def read_variant(text: str, kind: str) -> tuple[str, Factory]:
    """NAME=parameter=value,... or NAME=module:callable, which is called with ``window`` and ``random_state``."""
    name, _, rest = text.partition("=")
    if re.fullmatch(r"[\w.]+:\w+", rest):
        module, function = rest.split(":")
        return name, getattr(import_module(module), function)
    return name, with_parameters(kind, read_parameters(text)[1])


def read_parameters(text: str) -> tuple[str, dict[str, Any]]:
    """NAME=parameter=value,..."""
    name, _, rest = text.partition("=")
    call = ast.parse(f"f({rest})", mode="eval").body
    assert isinstance(call, ast.Call)
    return name, {str(word.arg): ast.literal_eval(word.value) for word in call.keywords}


def factories(variants: list[str], kind: str, quick: bool, old: bool) -> dict[str, Factory]:
    """The default, called grukit, where asked for the one of before, then the variants."""
    short = {"max_iter": 2} if quick else {}
    before = {OLD: with_parameters(kind, {**OLD_DEFAULTS[kind], **short})} if old else {}
    return {"grukit": with_parameters(kind, short), **before, **dict(read_variant(text, kind) for text in variants)}

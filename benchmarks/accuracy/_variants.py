"""Which models the suite of defaults compares: the default, and variants named on the command line."""

import ast
import re
from collections.abc import Callable
from importlib import import_module
from typing import Any

Factory = Callable[..., Any]  # (window, random_state) -> an estimator


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


def factories(variants: list[str], kind: str, quick: bool) -> dict[str, Factory]:
    """The default, called grukit, then the variants."""
    default = with_parameters(kind, {"max_iter": 2} if quick else {})
    return {"grukit": default, **dict(read_variant(text, kind) for text in variants)}

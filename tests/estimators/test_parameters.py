"""Parameters are declared once: signature, constraints and documentation follow."""

import inspect
import re
from dataclasses import KW_ONLY
from numbers import Integral
from typing import Annotated, Any

import numpy as np
import pytest
from sklearn.base import clone

from grukit import GRUClassifier, GRUForecaster, GRURegressor
from grukit.estimators._declare import Choice, Number, Parameter, with_parameters, with_parameters_of

ESTIMATORS = [GRURegressor, GRUClassifier, GRUForecaster]


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_only_the_layers_may_be_positional(estimator):
    first, *others = inspect.signature(estimator).parameters.values()
    assert (first.name, first.kind, first.default) == ("hidden_layer_sizes", first.POSITIONAL_OR_KEYWORD, (32,))
    assert {each.kind for each in others} == {first.KEYWORD_ONLY}
    assert inspect.Parameter.empty not in {each.default for each in others}
    assert "Annotated" not in str(inspect.signature(estimator))


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_every_parameter_is_constrained_and_documented_with_its_default(estimator):
    signature = inspect.signature(estimator).parameters
    assert set(estimator._parameter_constraints) == set(signature)
    section = estimator.__doc__.split("Parameters\n----------\n")[1].split("\n\nAttributes\n")[0]
    entries = re.findall(r"^(\w+) : (.+), default=(.+)\n((?:    .+\n?)+)", section, re.MULTILINE)
    assert [name for name, *_ in entries] == list(signature)
    for name, kind, default, text in entries:
        assert eval(default) == signature[name].default
        assert len(text.split()) > 1, name
        for allowed in estimator._parameter_constraints[name]:
            if isinstance(allowed, Choice):
                assert all(f'"{option}"' in kind for option in allowed.ordered)


def test_the_estimators_share_all_but_what_their_targets_ask_for():
    regressor, classifier, forecaster = (inspect.signature(each).parameters for each in ESTIMATORS)
    assert set(regressor) - set(classifier) == {"loss", "quantile", "delta", "anchor"}
    assert set(classifier) - set(regressor) == {"class_weight"}
    of_tables = {"averaging", "difference", "quantile", "anchor"}
    assert set(regressor) - set(forecaster) == of_tables
    own = {"horizon", "strategy", "channels", "normalize", "calendar", "quantiles"}
    own |= {"segment", "calibration", "calibration_fraction", "adaptation_rate", "handle_unknown"}
    assert set(forecaster) - set(regressor) == own
    other_defaults = {name for name in classifier if name in regressor and regressor[name] != classifier[name]}
    training = {"alpha", "early_stopping", "learning_rate_init", "max_iter", "n_iter_no_change"}
    assert other_defaults == training - {"early_stopping"} | {"weight_init"}


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_every_fitted_attribute_is_documented(estimator):
    section = estimator.__doc__.split("Attributes\n----------\n")[1].split("References\n")[0]
    told = re.findall(r"^(\w+_) : \w", section, re.MULTILINE)
    assert told == sorted(name for name in dir(estimator) if name.endswith("_") and not name.startswith("_"))
    assert ("classes_" in told) == (estimator is GRUClassifier)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_the_documentation_fits_into_its_lines_and_has_its_example(estimator):
    assert max(map(len, estimator.__doc__.splitlines())) <= 120
    assert ">>> model = " in estimator.__doc__.split("Examples\n--------\n")[1]


def test_clones_and_representations_show_what_was_changed():
    model = GRUClassifier(8, class_weight="balanced", tol=0.0)
    assert repr(clone(model)) == repr(model) == "GRUClassifier(class_weight='balanced', hidden_layer_sizes=8, tol=0.0)"
    assert model != clone(model)  # estimators are compared by identity, as scikit-learn's are
    assert len({model, clone(model)}) == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"window": True},
        {"window": np.True_},
        {"max_iter": True},
        {"alpha": True},
        {"n_jobs": True},
        {"batch_size": False},
        {"window": 2.0},
        {"cell": "lstm"},
    ],
    ids=str,
)
def test_what_a_parameter_must_not_be(wrong, tiny, hourly):
    (name,) = wrong
    with pytest.raises(ValueError, match=f"The '{name}' parameter of GRURegressor must be"):
        tiny(**wrong).fit(hourly(), hourly()["a"])


@pytest.mark.parametrize("sizes", [(True,), (4, False), [np.True_], True])
def test_a_layer_has_no_truth_for_a_size(sizes, tiny, hourly):
    with pytest.raises(ValueError, match="hidden_layer_sizes"):
        tiny(hidden_layer_sizes=sizes).fit(hourly(), hourly()["a"])


def test_a_field_without_a_declaration_is_an_error():
    with pytest.raises(TypeError, match="'size' must be Annotated with one Parameter"):

        @with_parameters
        class Wrong:
            size: int = 1


def test_a_subclass_adds_its_own():
    count = Number(Integral, 1, None, closed="left")

    @with_parameters
    class Base:
        """Summary."""

        size: Annotated[int, Parameter(count, None, text="How   many.")] = 3

    @with_parameters
    class Other(Base):
        """Summary."""

        size = 5

    assert str(inspect.signature(Other)) == "(size: int = 5) -> None"
    assert Other().size == 5 and Base().size == 3 and "size : int or None, default=5" in Other.__doc__

    @with_parameters
    class Sub(Base):
        """Summary."""

        _: KW_ONLY
        kind: Annotated[Any, Parameter(Choice("a", "b"), "boolean", text="Which.")] = "a"

    assert str(inspect.signature(Sub)) == "(size: int = 3, *, kind: Any = 'a') -> None"
    assert Sub._parameter_constraints["size"] == [count, None]
    assert Sub.__doc__.startswith(
        "Summary.\n\nParameters\n----------\nsize : int or None, default=3\n    How many.\n"
        'kind : {"a", "b"} or bool, default="a"\n    Which.\n'
    )


def test_a_class_of_another_library_has_the_parameters_of_an_estimator():
    @with_parameters_of(GRUForecaster, without=("window",))
    class Around:
        """Summary.

        Examples
        --------
        >>> 1
        """

        horizon: Annotated[int | None, Parameter(Number(Integral, 1, None, closed="left"), None, text="Ahead.")] = None

    own, theirs = inspect.signature(Around).parameters, inspect.signature(GRUForecaster).parameters
    assert list(own) == [name for name in theirs if name != "window"]
    assert all(str(own[name]) == str(theirs[name]) for name in own if name != "horizon")
    assert str(own["horizon"]) == "horizon: int | None = None" and theirs["horizon"].default == 1
    model = Around(8, alpha=0.5)
    assert (model.hidden_layer_sizes, model.alpha, model.horizon, model.max_iter) == (8, 0.5, None, 150)
    assert Around._parameter_constraints["loss"] == GRUForecaster._parameter_constraints["loss"]
    before, after = Around.__doc__.split("Examples\n--------\n")
    assert "horizon : int or None, default=None\n    Ahead.\n" in before and after == ">>> 1"
    assert "window" not in own and not hasattr(Around, "fit")

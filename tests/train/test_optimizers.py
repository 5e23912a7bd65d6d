"""Optimisers against PyTorch's numbers and their published equations."""

from pathlib import Path

import numpy as np
import pytest
from plain import PLAIN
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from grukit import GRURegressor
from grukit.engines import select_engine
from grukit.train import SOLVERS, lbfgs

KERNELS = select_engine("cpu").kernels
GOLDEN = sorted((Path(__file__).parents[1] / "golden").glob("optim_*.npz"))


def optimizer(solver, start, **settings):
    defaults = {
        "momentum": 0.9, "nesterov": False, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8, "alpha": 0.0,
        "clip_norm": np.inf, "penalized": np.ones_like(start),
    }  # fmt: skip
    return KERNELS.Optimizer(
        solver=SOLVERS[solver],
        parameters=start.copy(),
        previous=start.copy(),
        first_moment=np.zeros_like(start),
        second_moment=np.zeros_like(start),
        step=np.zeros(1, np.int64),
        **(defaults | settings),
    )


@pytest.mark.parametrize("path", GOLDEN, ids=[path.stem for path in GOLDEN])
def test_five_steps_of_pytorch(path):
    with np.load(path) as file:
        golden = dict(file)
    solver = path.stem.removeprefix("optim_").partition("_")[0]
    settings = {}
    if "betas" in golden:
        settings |= {"beta_1": golden["betas"][0], "beta_2": golden["betas"][1]}
    for ours, theirs in {"epsilon": "eps", "alpha": "weight_decay", "momentum": "momentum"}.items():
        if theirs in golden:
            settings[ours] = float(golden[theirs])
    if "nesterov" in golden:
        settings["nesterov"] = bool(golden["nesterov"])
    ours = optimizer(solver, golden["start"], **settings)
    for gradient, expected in zip(golden["gradients"], golden["parameters"], strict=True):
        before = ours.parameters.copy()
        KERNELS.update(ours, float(golden["lr"]), np.linalg.norm(gradient), gradient)
        np.testing.assert_allclose(ours.parameters, expected, rtol=1e-12)
        np.testing.assert_array_equal(ours.previous, before)
    assert ours.step[0] == len(golden["gradients"])


def test_golden_files_are_there():
    assert len(GOLDEN) == 5


@pytest.mark.parametrize("length", [0.5, 4.0])
def test_long_gradients_are_scaled_down(length):
    gradient = np.array([0.6, 0.8]) * length
    ours = optimizer("sgd", np.zeros(2), momentum=0.0, clip_norm=1.0)
    KERNELS.update(ours, 1.0, length, gradient)
    np.testing.assert_allclose(np.linalg.norm(ours.parameters), min(length, 1.0))


def test_weight_decay_spares_what_is_not_penalized():
    ours = optimizer("adamw", np.ones(2), alpha=0.5, penalized=np.array([1.0, 0.0]))
    KERNELS.update(ours, 0.1, 0.0, np.zeros(2))
    np.testing.assert_allclose(ours.parameters, [0.95, 1.0])


def test_weights_of_which_one_is_not_finite_are_not_kept(monkeypatch):
    """L-BFGS may end so where a line search overflows: the best of its iterations are kept, and a warning says so."""
    real = lbfgs.minimize

    def ends_badly(*arguments, **options):
        result = real(*arguments, **options)
        result.x[0] = np.nan
        return result

    X = np.random.default_rng(0).normal(size=(30, 2))
    model = GRURegressor(**PLAIN, hidden_layer_sizes=4, window=4, solver="lbfgs", max_iter=5, random_state=0)
    whole = clone(model).fit(X, X[:, 0])
    monkeypatch.setattr(lbfgs, "minimize", ends_badly)
    with pytest.warns(ConvergenceWarning, match="L-BFGS reached weights that are not finite; the best are kept"):
        model.fit(X, X[:, 0])
    np.testing.assert_allclose(model.predict(X), whole.predict(X), rtol=1e-4)

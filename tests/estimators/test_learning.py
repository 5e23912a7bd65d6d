"""Whether it learns: solvers, schedules and losses on tasks with a known answer."""

import numpy as np
import pandas as pd
import pytest

from grukit import GRUClassifier, GRUForecaster, GRURegressor
from grukit.datasets import load_nile


def sine(n=200):
    """Make a sine and its next value."""
    values = np.sin(np.arange(n + 1) / 3)
    return values[:-1, None], values[1:]


RATES = {"adam": 0.01, "adamw": 0.01, "rmsprop": 0.01, "sgd": 0.05}


@pytest.mark.parametrize(
    ("solver", "schedule"),
    [
        *((solver, "constant") for solver in (*RATES, "lbfgs")),
        *(("adam", schedule) for schedule in ("cosine", "one_cycle", "adaptive")),
        ("sgd", "one_cycle"),
    ],
)
def test_every_solver_and_schedule_learns_a_sine(tiny, solver, schedule):
    X, y = sine()
    model = tiny(
        hidden_layer_sizes=8,
        window=8,
        solver=solver,
        learning_rate=schedule,
        max_iter=60,
        learning_rate_init=RATES.get(solver, 0.01),
    ).fit(X[:150], y[:150])
    assert model.score(X[150:], y[150:]) > 0.8
    assert model.loss_curve_[-1] < 0.2 * model.loss_curve_[0]


@pytest.mark.parametrize(
    "options",
    [
        {"cell": "gru_reset_before", "dtype": "float64"},
        {"weight_init": "uniform"},
        {"nesterovs_momentum": False, "solver": "sgd"},
    ],
)
def test_the_other_choices_learn_it_too(tiny, options):
    X, y = sine()
    options = {"learning_rate_init": 0.05 if "solver" in options else 0.01, **options}
    model = tiny(hidden_layer_sizes=8, window=8, max_iter=60, **options).fit(X[:150], y[:150])
    assert model.score(X[150:], y[150:]) > 0.8
    plain = tiny(
        hidden_layer_sizes=8,
        window=8,
        max_iter=60,
        **{**options, "cell": "gru", "weight_init": "glorot", "nesterovs_momentum": True},
    )
    assert not np.array_equal(plain.fit(X[:150], y[:150]).predict(X), model.predict(X))


def test_it_remembers_what_was_some_steps_ago(tiny):
    x = np.random.default_rng(0).normal(size=(600, 1))
    y = np.roll(x[:, 0], 3)
    y[:3] = 0
    model = tiny(hidden_layer_sizes=16, window=4, max_iter=80, learning_rate_init=0.02).fit(x[:500], y[:500])
    assert model.score(x[500:], y[500:]) > 0.8
    # Three rows do not reach back three steps.
    short = tiny(hidden_layer_sizes=16, window=3, max_iter=80, learning_rate_init=0.02).fit(x[:500], y[:500])
    assert short.score(x[500:], y[500:]) < 0.2


def test_two_series_of_a_panel_are_learned_from_both(tiny):
    X, y = sine()
    index = pd.RangeIndex(200)
    frame = pd.DataFrame({"x": X[:, 0], "y": y}, index)
    panel = pd.concat({"plain": frame, "large": frame * 1.0 + 0.5})
    model = tiny(hidden_layer_sizes=8, window=8, max_iter=40, learning_rate_init=0.01).fit(panel[["x"]], panel["y"])
    assert model.score(panel[["x"]], panel["y"]) > 0.8


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.9])
def test_a_quantile_covers_its_share(tiny, quantile):
    rng = np.random.default_rng(0)
    x = rng.uniform(1, 3, size=(2000, 1))
    y = x[:, 0] * rng.exponential(size=2000)
    model = tiny(loss="quantile", quantile=quantile, window=1, max_iter=30, learning_rate_init=0.01)
    prediction = model.fit(x[:1500], y[:1500]).predict(x[1500:])
    assert np.mean(y[1500:] <= prediction) == pytest.approx(quantile, abs=0.05)
    # And it grows with x as the quantile of an exponential does.
    truth = -np.log(1 - quantile) * x[1500:, 0]
    assert np.corrcoef(prediction, truth)[0, 1] > 0.9


def test_poisson_predicts_the_rate(tiny):
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, size=(2000, 1))
    rate = np.exp(1 + 1.5 * x[:, 0])
    y = rng.poisson(rate).astype(float)
    model = tiny(loss="poisson", window=1, max_iter=30, learning_rate_init=0.01).fit(x[:1500], y[:1500])
    prediction = model.predict(x[1500:])
    assert (prediction > 0).all()
    assert np.mean(np.abs(prediction / rate[1500:] - 1)) < 0.15
    # It starts at the mean rate, not at 1.
    start = tiny(loss="poisson", window=1, max_iter=1, learning_rate_init=1e-9).fit(x, 100 * y).predict(x)
    assert np.median(start) == pytest.approx(100 * y.mean(), rel=0.7)


def test_poisson_of_nothing_but_zeros(tiny):
    x = np.random.default_rng(0).normal(size=(40, 1))
    prediction = tiny(loss="poisson").fit(x, np.zeros(40)).predict(x)
    np.testing.assert_array_equal(prediction, 0.0)


@pytest.mark.parametrize("loss", ["huber", "absolute_error"])
def test_robust_losses_resist_outliers(tiny, loss):
    X, y = sine(300)
    spoiled = y.copy()
    spoiled[::12] = 30
    errors = {}
    for name in (loss, "squared_error"):
        model = tiny(loss=name, delta=0.1, hidden_layer_sizes=8, window=4, max_iter=60, learning_rate_init=0.01)
        errors[name] = np.median(np.abs(model.fit(X, spoiled).predict(X) - y))
    assert errors[loss] < 0.3 < 1 < errors["squared_error"]


def test_huber_of_a_large_delta_is_half_the_square(tiny):
    x, y = sine(60)
    huber = tiny(loss="huber", delta=1e6, solver="sgd", learning_rate_init=0.02, clip_norm=None).fit(x, y)
    square = tiny(solver="sgd", learning_rate_init=0.01, clip_norm=None).fit(x, y)
    np.testing.assert_allclose(huber.predict(x), square.predict(x), atol=1e-5)


def test_lbfgs_learns_a_few_samples_by_heart(tiny):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(8, 5, 3)), rng.normal(size=8)
    model = tiny(solver="lbfgs", hidden_layer_sizes=12, max_iter=500, tol=1e-7).fit(X, y)
    assert model.loss_ < 1e-6
    np.testing.assert_allclose(model.predict(X), y, atol=1e-2)
    assert model.n_iter_ < 500 and "L-BFGS" in model.stop_reason_


@pytest.mark.parametrize("solver", ["adam", "adamw", "sgd", "rmsprop", "lbfgs"])
def test_alpha_shrinks_the_weights(tiny, solver):
    X, y = sine(100)

    def size(alpha):
        weights = tiny(solver=solver, alpha=alpha, max_iter=20, learning_rate_init=0.01).fit(X, y).weights_
        return sum((array**2).sum() for name, array in weights.items() if "weight" in name)

    assert size(1.0 if solver == "adamw" else 20.0) < 0.9 * size(0.0)
    assert size(1e-9) == pytest.approx(size(0.0), rel=1e-3)


def test_clip_norm_bounds_the_first_step(tiny):
    x, y = sine(40)
    steps = []
    for clip in (1e-3, None):
        options = {"solver": "sgd", "momentum": 0.0, "learning_rate_init": 1.0, "batch_size": 40, "clip_norm": clip}
        still = tiny(max_iter=1, **{**options, "learning_rate_init": 1e-30}).fit(x, y).weights_
        model = tiny(max_iter=1, **options).fit(x, y)
        step = np.concatenate([(model.weights_[name] - still[name]).ravel() for name in still])
        steps.append(np.linalg.norm(step))
        if clip is None:
            assert steps[-1] == pytest.approx(model.history_["gradient_norm"][0], rel=1e-4)
    assert steps[0] == pytest.approx(1e-3, rel=1e-3) and steps[1] > 1e-2


def test_the_default_estimator_learns_the_nile():
    # Weak signal: it must beat the mean in the training years, and give figures of the river's size later.
    volume = load_nile()["volume"]
    X, y = volume.to_frame().iloc[:-1], volume.shift(-1).iloc[:-1].rename("next year")
    model = GRURegressor(random_state=0, max_iter=60).fit(X[:80], y[:80])
    assert model.score(X[:80], y[:80]) > 0.2  # 0.26; 0.3 and more is what an overfit has
    prediction = model.predict(X[80:])
    assert prediction.name == "next year" and prediction.between(300, 1600).all()


def test_the_default_classifier_learns_a_few_long_sequences():
    """With gates that forget in two steps, such fits stayed at chance, or ended there while the loss was level."""
    scores, t = [], np.linspace(0, 1, 200)
    label = np.arange(136) % 2
    peaks = np.exp(-(((t - np.array([[0.2], [0.4], [0.7]])) / 0.04) ** 2) / 2)
    for seed in range(3):
        rng = np.random.default_rng(seed)
        heights = np.array([2.0, 1.0, 3.0]) * rng.normal(1, 0.08, (136, 3))
        heights[:, 1] += 0.5 * label  # all that tells the classes apart
        curves = heights @ peaks + rng.normal(0, 0.2, (136, 1))
        model = GRUClassifier(window=None, random_state=seed).fit(curves[:36], label[:36])
        scores.append(model.score(curves[36:], label[36:]))
    assert np.mean(scores) > 0.85 and min(scores) > 0.65, scores


@pytest.mark.parametrize("cell", ["gru", "gru_reset_before", "dual_state", "dual_state_basic"])
@pytest.mark.parametrize("estimator", [GRURegressor, GRUClassifier, GRUForecaster])
def test_every_cell_learns_beside_a_linear_part(estimator, cell):
    values = [0.3]
    while len(values) < 200:  # the logistic map, of which no line tells anything
        values.append(3.9 * values[-1] * (1 - values[-1]))
    series = pd.Series(values, pd.date_range("2024", periods=200), name="level")
    following = series.shift(-1, fill_value=0.5)
    given = {
        GRURegressor: (series.to_frame(), following),
        GRUClassifier: (series.to_frame(), (following > 0.5).astype(int)),
        GRUForecaster: (series,),
    }[estimator]
    own = {"horizon": 1} if estimator is GRUForecaster else {"early_stopping": False}
    model = estimator(8, window=2, cell=cell, max_iter=40, learning_rate_init=0.02, random_state=0, **own).fit(*given)
    assert (model.weights_["head.weight"] != 0).all()

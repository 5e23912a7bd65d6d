"""How much of the network's part a forecaster takes."""

from copy import copy
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
from forecasters import HOURS, NOISE, small_forecaster

from grukit import load
from grukit.estimators._forecast_weight import WEIGHTS, Block, weight_by
from grukit.estimators.targets import Objective

small = partial(small_forecaster, window=6, calendar=None, calibration="auto")


def bent(n_steps=160):
    """Each value is a bent function of the one before, and noise, so that a network learns some of it."""
    rng, values = np.random.default_rng(4), [0.5]
    for _ in range(n_steps - 1):
        values.append(np.sin(2.5 * values[-1]) + 0.2 * rng.normal())
    return pd.Series(values, index=HOURS[:n_steps], name="load")


LEARNS = {"max_iter": 40, "learning_rate_init": 0.03, "early_stopping": False}


def forecasts_of(model, y, origins):
    """Forecasts (n, H) after these rows of y."""
    return np.array([model.predict(context=y.iloc[: origin + 1]).to_numpy() for origin in origins])


def parts_of(copy, y, origins):
    """The network's part of forecasts (n, H), and what the rest leaves of the truth: as a user could make them."""
    total, heads = forecasts_of(copy, y, origins), dict(copy.weights_)
    copy.weights_ = {name: 0 * value if name.startswith("head.") else value for name, value in heads.items()}
    linear = forecasts_of(copy, y, origins)
    truth = np.array([y.iloc[origin + 1 : origin + 1 + total.shape[1]] for origin in origins])
    return total - linear, truth - linear


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber"])
def test_the_weight_is_that_of_the_least_loss_on_the_folds(loss):
    options, y, relative = {**LEARNS, "loss": loss, "delta": 0.5}, bent(), []
    model = small(1, **options).fit(y)
    unit = model._fitted.y_scaler.scale[0]
    for block in np.array_split(np.arange(79, 159), 5):
        copy = small(1, **options, calibration_fraction=None).fit(y.iloc[: block[0] + 1])
        network, left = (part / y.std(ddof=0) for part in parts_of(copy, y, block))
        size = np.abs(left - WEIGHTS[:, None, None] * network)
        losses = {
            "squared_error": size**2,
            "absolute_error": size,
            "huber": np.where(size < 0.5 * unit, size**2 / 2, 0.5 * unit * (size - 0.25 * unit)),
        }[loss].mean(axis=(1, 2))
        relative.append(losses / losses[0])
    scores = np.mean(relative, axis=0) + np.max(relative, axis=0)
    enough = scores[0] - scores >= 0.9 * (scores[0] - scores.min())
    largest = np.flatnonzero(enough)[-1]
    gains = 1 - np.array(relative)[:, largest]
    trusted = max(0, 1 - 2 * (gains.std(ddof=1) / np.sqrt(5) / gains.mean()) ** 2)
    assert model.network_weight_ == pytest.approx(WEIGHTS[largest] * trusted, rel=1e-4) and trusted > 0


def test_a_network_that_learns_nothing_is_left_out_and_one_that_knows_the_rule_is_taken_whole():
    noise = pd.Series(np.random.default_rng(2).normal(size=300))
    worse = small(max_iter=60, learning_rate_init=0.1, early_stopping=False).fit(noise)
    assert worse.network_weight_ == 0 and "Network: 0.00 times its part" in worse.summary()
    bare = small(max_iter=1, learning_rate_init=1e-12, calibration_fraction=None, early_stopping=False).fit(noise)
    np.testing.assert_allclose(worse.predict(), bare.predict(), rtol=1e-9)  # whose weights are not quite zero
    logistic = [0.3]
    for _ in range(400):
        logistic.append(3.9 * logistic[-1] * (1 - logistic[-1]))
    rule = small(1, hidden_layer_sizes=8, max_iter=150, learning_rate_init=0.02).fit(pd.Series(logistic))
    assert rule.network_weight_ >= 0.95


@pytest.mark.parametrize(
    "gains", [(0.30, 0.28, 0.31, 0.29, 0.32), (0.3, 0.1, 0.2, 0.0, 0.4), (0.9, 0.1, 0.02, 0.0, 0.0)]
)
def test_the_more_the_blocks_differ_the_less_is_trusted(gains):
    network = np.ones((1, 1))
    blocks = []
    for gain in gains:  # the loss (1, 1 - gain) of none and all of the network: left = 1 and left - 1 = sqrt(1 - gain)
        share = 1 - np.sqrt(1 - gain)
        blocks.append(Block(share * network, network))
    weight = weight_by(small().fit(NOISE)._fitted, blocks)
    chance = np.std(gains, ddof=1) ** 2 / 5 / np.mean(gains) ** 2
    assert weight == pytest.approx(max(0, 1 - 2 * chance))
    assert weight > 0.99 or weight < 0.8


def test_of_one_fit_the_origins_that_it_kept_out_tell():
    noise = pd.Series(np.random.default_rng(2).normal(size=300))
    options = {"max_iter": 60, "learning_rate_init": 0.1, "early_stopping": False, "calibration": "split"}
    model = small(**options).fit(noise)
    assert model.network_weight_ < 0.2
    before = copy(model)  # the linear part was fitted to them, too
    before._fitted = replace(model._fitted, final=model._fitted.linear)
    errors = np.abs(
        forecasts_of(before, noise, range(267, 297)) - np.array([noise[n + 1 : n + 4] for n in range(267, 297)])
    )
    half = np.sort(errors, axis=0)[int(np.ceil(31 * 0.8)) - 1]
    np.testing.assert_allclose(model.predict_interval(0.8).diff(axis=1)["upper"], 2 * half, rtol=1e-9)


def test_predictors_streams_and_files_hold_it(tmp_path):
    y = bent()
    model = small(**{**LEARNS, "max_iter": 10}).fit(y)
    assert 0 < model.network_weight_ < 1
    model.save(tmp_path / "model.gru")
    opened, stream = load(tmp_path / "model.gru"), model.stream()
    assert opened.network_weight_ == model.network_weight_ and opened.summary() == model.summary()
    np.testing.assert_array_equal(opened.predict(), model.predict())
    for value in y.iloc[-6:]:
        ahead = stream.step(value)
    np.testing.assert_array_equal(ahead, model.predict(context=y.iloc[-6:]))
    np.testing.assert_allclose(model.predictor()(y.to_numpy()[-6:]), model.predict(), rtol=1e-9)


def test_there_is_none_where_nothing_tells_or_quantiles_are_forecast():
    assert small(calibration_fraction=None).fit(NOISE).network_weight_ is None
    assert small(quantiles=(0.1, 0.5, 0.9)).fit(NOISE).network_weight_ is None
    unknown = Block(np.ones((4, 3)), np.full((4, 3), np.nan))
    assert np.isnan(unknown.losses(Objective("squared_error", 0.0, "identity"), 1.0)).all()
    assert weight_by(small().fit(NOISE)._fitted, [unknown]) is None


@pytest.mark.parametrize("changes", [{"channels": "joint"}, {"missing": "mask"}, {"strategy": "recursive"}])
def test_the_weight_of_every_kind_of_network(changes):
    frame = pd.DataFrame({"a": NOISE, "b": 5 - NOISE})
    if changes.get("missing"):
        frame.iloc[100:110, 0] = np.nan
    model = small(**changes).fit(frame)
    bare = small(**changes, calibration_fraction=None).fit(frame)
    for name, own in bare.weights_.items():
        expected = own * model.network_weight_ if name.startswith("head.") else own
        np.testing.assert_array_equal(model.weights_[name], expected)

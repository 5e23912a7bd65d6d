"""The gradient at every state against central differences of the reference, and two cases worked by hand."""

import numpy as np
import pandas as pd
import pytest
import reference
from sklearn.exceptions import NotFittedError

from grukit import GRURegressor
from grukit.estimators.fitted import fitted_state
from grukit.inspection import _subject, gradient_flow
from grukit.train import REGRESSION_LOSSES

RNG = np.random.default_rng(0)
SEQUENCES = [RNG.normal(5, 2, (4, 2)), RNG.normal(5, 2, (2, 2)), RNG.normal(5, 2, (5, 2))]
TIMES = pd.RangeIndex(9, name="time")
FRAME = pd.DataFrame(RNG.normal(10, 3, (9, 2)), index=TIMES, columns=["a", "b"])


def outputs_nudged(cell, weights, x, nudges):
    """Outputs (T, K) after each step of x (T, D), ``nudges[k][t]`` being added to the state of layer k after step t."""
    states = [np.zeros(nudge.shape[1]) for nudge in nudges]
    outputs = []
    for t, below in enumerate(x):
        for k, nudge in enumerate(nudges):
            layer = [weights[f"{name}_l{k}"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
            states[k] = reference.step_forward(cell, below, states[k], *layer)[0] + nudge[t]
            below = states[k]
        outputs.append(weights["head.weight"] @ below + weights["head.bias"])
    return np.array(outputs)


def flow_by_differences(model, pieces, targets):
    """Mean norms from central differences, piece by piece; targets (1, K) or (T, K), on the network's scale."""
    weights = {name: weight.astype(np.float64) for name, weight in model.weights_.items()}
    longest = max(len(x) for x in pieces)
    norms = np.full((len(pieces), longest, len(model.hidden_layer_sizes)), np.nan)
    for i, (x, target) in enumerate(zip(pieces, targets, strict=True)):
        x = (x - fitted_state(model).x_scaler.mean) / fitted_state(model).x_scaler.scale
        nudges = [np.zeros((len(x), H)) for H in model.hidden_layer_sizes]
        for k, nudge in enumerate(nudges):

            def loss(x=x, target=target, nudges=nudges):
                outputs = outputs_nudged(model.cell, weights, x, nudges)
                return np.mean((outputs[-len(target) :] - target) ** 2)

            norms[i, : len(x), k] = np.linalg.norm(reference.central_difference(loss, nudge), axis=1)[::-1]
    return np.nanmean(norms, axis=0)


@pytest.mark.parametrize("per_step", [False, True], ids=["last", "per-step"])
@pytest.mark.parametrize("cell", ["gru", "gru_reset_before"])
def test_sequences_agree_with_central_differences(cell, per_step, fitted):
    K = 2
    y = [RNG.normal(3, 2, (len(x), K)) for x in SEQUENCES] if per_step else RNG.normal(3, 2, (3, K))
    model = fitted(SEQUENCES, y, cell=cell)
    scaled = [
        (np.reshape(t, (-1, K)) - fitted_state(model).y_scaler.mean) / fitted_state(model).y_scaler.scale for t in y
    ]
    flow = gradient_flow(model, SEQUENCES, y)
    expected = flow_by_differences(model, SEQUENCES, scaled)
    assert np.abs(flow - expected).max(axis=None) < 1e-8 * expected.max()
    pd.testing.assert_index_equal(flow.index, pd.RangeIndex(5, name="distance"))
    pd.testing.assert_index_equal(flow.columns, pd.RangeIndex(2, name="layer"))


def test_windows_of_a_panel_agree_with_central_differences(fitted):
    panel = pd.concat({"u": FRAME, "v": FRAME[:3] * 2}, names=["site", "time"]).sort_index(level="time")
    y = panel["a"] ** 2
    model = fitted(panel, y, window=3)
    pieces, targets = [], []
    for site in ("u", "v"):
        rows = panel.xs(site, level="site").to_numpy()
        pieces += [rows[max(0, i - 2) : i + 1] for i in range(len(rows))]
        scaler = fitted_state(model).y_scaler
        targets += list(((y.xs(site, level="site").to_numpy() - scaler.mean) / scaler.scale)[:, None, None])
    expected = flow_by_differences(model, pieces, [target.reshape(1, 1) for target in targets])
    assert np.abs(gradient_flow(model, panel, y) - expected).max(axis=None) < 1e-8 * expected.max()


def test_a_net_that_hears_nothing_keeps_what_its_update_gate_says(fitted):
    """With zero weights h = z h', z = s(b), so that each step back multiplies the gradient by z."""
    model = fitted(FRAME, FRAME["a"], hidden_layer_sizes=2, window=5)
    weights = {name: np.zeros_like(weight) for name, weight in model.weights_.items()}
    weights["bias_ih_l0"][2:4] = np.log(3)
    weights["head.weight"][:] = [[3.0, 4.0]]
    model.weights_ = weights
    flow = gradient_flow(model, FRAME[4:], FRAME["a"][4:], context=FRAME[:4])
    error = np.abs(FRAME["a"][4:] - fitted_state(model).y_scaler.mean[0]).mean() / fitted_state(model).y_scaler.scale[0]
    np.testing.assert_allclose(flow[0], 2 * error * 5 * 0.75 ** np.arange(5), rtol=1e-6)  # log(3) in float32


@pytest.mark.parametrize("loss", REGRESSION_LOSSES)
def test_each_loss_has_its_own_derivative(loss, fitted):
    y = np.abs(FRAME.to_numpy())
    model = fitted(FRAME, y, loss=loss, quantile=0.8, delta=0.3, hidden_layer_sizes=3)
    weights = {name: weight.astype(np.float64) for name, weight in model.weights_.items()}
    norms = []
    for i in range(len(FRAME)):
        x = (FRAME.to_numpy()[max(0, i - 3) : i + 1] - fitted_state(model).x_scaler.mean) / fitted_state(
            model
        ).x_scaler.scale
        outputs, _ = reference.network_forward("gru", weights, x[:, None])
        target = (y[i] - fitted_state(model).y_scaler.mean) / fitted_state(model).y_scaler.scale
        _, slope = reference.loss(
            loss, outputs, target[None], parameter=fitted_state(model).training.objective.parameter
        )
        norms.append(np.linalg.norm(slope @ weights["head.weight"]))
    np.testing.assert_allclose(gradient_flow(model, FRAME, y).loc[0, 0], np.mean(norms), rtol=1e-12)


def test_batches_make_no_difference(fitted, monkeypatch):
    model = fitted(FRAME, FRAME["a"])
    whole = gradient_flow(model, FRAME, FRAME["a"])
    monkeypatch.setattr(_subject, "BATCH_NUMBERS", 1)
    np.testing.assert_allclose(gradient_flow(model, FRAME, FRAME["a"]), whole, rtol=1e-12)


def test_what_is_wrong_is_named(fitted):
    model = fitted(FRAME, FRAME["a"])
    with pytest.raises(NotFittedError, match="not fitted"):
        gradient_flow(GRURegressor(), FRAME, FRAME["a"])
    with pytest.raises(ValueError, match="y has 2 outputs; the model was fitted with 1"):
        gradient_flow(model, FRAME, FRAME)
    with pytest.raises(ValueError, match="different indexes: at row 0"):
        gradient_flow(model, FRAME, FRAME["a"].set_axis(TIMES + 1))
    with pytest.raises(ValueError, match="X has 9, y has 8"):
        gradient_flow(model, FRAME, FRAME["a"].to_numpy()[1:])
    with pytest.raises(ValueError, match="y >= 0"):
        gradient_flow(fitted(FRAME, np.abs(FRAME["a"]), loss="poisson"), FRAME, -np.abs(FRAME["a"]))


@pytest.mark.parametrize("per_step", [False, True])
def test_the_loss_is_of_what_the_linear_part_leaves(per_step, fitted):
    many = SEQUENCES + [RNG.normal(5, 2, (4, 2)) for _ in range(200)]  # of three, regressions may gain by chance
    y = [x.cumsum(axis=0)[:, 0] for x in many] if per_step else [x.sum() for x in many]
    model = fitted(many, y, hidden_layer_sizes=2, linear_lags=2)
    assert np.abs(model.linear_coef_).max() > 0
    y = y[: len(SEQUENCES)]
    predicted, head = model.predict(SEQUENCES), model.weights_["head.weight"]
    errors = [np.ravel(p)[-1] - np.ravel(t)[-1] for p, t in zip(predicted, y, strict=True)]
    n_steps = np.array([len(x) if per_step else 1 for x in SEQUENCES])
    slopes = 2 * np.abs(errors) / fitted_state(model).y_scaler.scale[0] / n_steps * np.linalg.norm(head)
    np.testing.assert_allclose(gradient_flow(model, SEQUENCES, y).loc[0, 0], slopes.mean(), rtol=1e-5)

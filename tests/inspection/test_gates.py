"""Gates and states against the reference, a step by hand, and on every kind of index."""

import math

import numpy as np
import pandas as pd
import pytest
import reference
from plain import PLAIN
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from grukit import GRURegressor
from grukit.estimators.fitted import fitted_state
from grukit.inspection import _gates, _subject, gates
from grukit.model import CELLS

RNG = np.random.default_rng(0)
HOURS = pd.date_range("2024-01-01", periods=12, freq="h", name="time")
FRAME = pd.DataFrame(RNG.normal(10, 3, (12, 2)), index=HOURS, columns=["a", "b"])
SEQUENCES = [RNG.normal(5, 2, (4, 2)), RNG.normal(5, 2, (1, 2)), RNG.normal(5, 2, (6, 2))]


def by_reference(model, x):
    """Rows (T, 4 x all units) of one sequence x (T, 1, D), in the order of the columns."""
    _, cache = reference.network_forward(model.cell, model.weights_, x)
    return np.concatenate(
        [part[:, 0] for c in cache["layers"] for part in (c["r"], c["z"], c["n"], c["h"][1:])], axis=1
    )


@pytest.mark.parametrize("cell", ["gru", "gru_reset_before"])
def test_every_step_of_sequences_agrees_with_the_reference(cell, fitted, scaled):
    model = fitted(SEQUENCES, np.arange(3.0), cell=cell)
    inside = gates(model, SEQUENCES)
    expected = np.concatenate([by_reference(model, scaled(model, x)) for x in SEQUENCES])
    np.testing.assert_allclose(inside, expected, rtol=1e-12, atol=1e-13)
    assert inside.columns.names == ["layer", "gate", "unit"]
    assert inside.columns[:4].tolist() == [(0, "reset", 0), (0, "reset", 1), (0, "reset", 2), (0, "update", 0)]
    assert inside.columns[-2:].tolist() == [(1, "state", 0), (1, "state", 1)]


def test_a_row_of_a_table_has_the_last_step_of_its_own_window(fitted, scaled):
    model = fitted(FRAME, FRAME["a"])
    inside = gates(model, FRAME)
    assert inside.index.equals(HOURS)
    for i in range(len(FRAME)):
        window = FRAME.to_numpy()[max(0, i - 3) : i + 1]
        np.testing.assert_allclose(
            inside.iloc[i], by_reference(model, scaled(model, window))[-1], rtol=1e-12, atol=1e-13
        )


def test_a_step_by_hand():
    X = np.full((2, 1, 1), 2.0)
    model = GRURegressor(1, max_iter=1, standardize=False, **PLAIN).fit(X, [0.0, 0.0])
    model.weights_ = {
        "weight_ih_l0": np.array([[0.5], [-0.25], [1.0]]),
        "weight_hh_l0": np.array([[9.0], [9.0], [9.0]]),  # the state before the first step is zero
        "bias_ih_l0": np.array([0.1, 0.2, 0.3]),
        "bias_hh_l0": np.array([0.4, 0.5, 0.6]),
        "head.weight": np.ones((1, 1)),
        "head.bias": np.zeros(1),
    }
    w = {name: weight.ravel().tolist() for name, weight in model.weights_.items()}  # rounded to float32
    logistic = lambda a: 1 / (1 + math.exp(-a))  # noqa: E731
    r = logistic(2 * 0.5 + w["bias_ih_l0"][0] + w["bias_hh_l0"][0])
    z = logistic(2 * -0.25 + w["bias_ih_l0"][1] + w["bias_hh_l0"][1])
    n = math.tanh(2 * 1.0 + w["bias_ih_l0"][2] + r * w["bias_hh_l0"][2])
    np.testing.assert_allclose(gates(model, X).iloc[0], [r, z, n, (1 - z) * n], rtol=1e-14)


def test_the_head_makes_predictions_of_the_states(fitted):
    model = fitted(FRAME, FRAME["a"])
    states = gates(model, FRAME)[1, "state"]
    network = states @ model.weights_["head.weight"][0].astype(float) + float(model.weights_["head.bias"][0])
    predicted = network * fitted_state(model).y_scaler.scale[0] + fitted_state(model).y_scaler.mean[0]
    np.testing.assert_allclose(predicted, model.predict(FRAME), rtol=1e-5)


def test_history_from_before_the_first_row(fitted):
    model = fitted(FRAME[:8], FRAME["a"][:8])
    whole = gates(model, FRAME)
    pd.testing.assert_frame_equal(gates(model, FRAME[8:]), whole[8:], check_freq=False)
    pd.testing.assert_frame_equal(gates(model, FRAME[9:], context=FRAME[:9]), whole[9:], check_freq=False)
    alone = gates(model, FRAME[8:], context=None)
    pd.testing.assert_frame_equal(alone[:1], gates(model, FRAME[8:9], context=None), check_freq=False)
    assert (alone.iloc[0] != whole.iloc[8]).all()


def test_a_panel_keeps_the_users_order_of_rows(fitted):
    panel = pd.concat({"u": FRAME, "v": FRAME * 2 - 5}, names=["site", "time"])
    mixed = panel.sort_index(level="time")
    model = fitted(panel, panel["a"])
    inside = gates(model, mixed)
    assert inside.index.equals(mixed.index)
    pd.testing.assert_frame_equal(inside.loc[panel.index], gates(model, panel))


def test_arrays_have_numbers_for_an_index(fitted):
    model = fitted(FRAME.to_numpy(), FRAME["a"].to_numpy())
    pd.testing.assert_index_equal(gates(model, FRAME.to_numpy()).index, pd.RangeIndex(12, name="row"))
    cube = np.stack([FRAME.to_numpy()[:3], FRAME.to_numpy()[3:6]])
    inside = gates(fitted(cube, [1.0, 2.0]), cube)
    expected = pd.MultiIndex.from_product([range(2), range(3)], names=["sequence", "step"])
    pd.testing.assert_index_equal(inside.index, expected, exact="equiv")


def test_frames_in_a_list_keep_their_indexes(fitted):
    frames = [FRAME[:3], FRAME[5:7]]
    inside = gates(fitted(frames, [1.0, 2.0]), frames)
    assert inside.index.names == ["sequence", "time"]
    assert inside.index.tolist() == [(0, t) for t in HOURS[:3]] + [(1, t) for t in HOURS[5:7]]
    pd.testing.assert_frame_equal(inside.loc[1], gates(fitted(frames, [1.0, 2.0]), frames[1:]).loc[0], check_freq=False)


def test_rows_that_are_sequences_have_their_columns_as_steps(fitted):
    rows = pd.DataFrame(RNG.normal(size=(3, 2)), index=["x", "y", "z"], columns=["first", "second"])
    inside = gates(fitted(rows, [1.0, 2.0, 3.0], window=None), rows)
    assert inside.index.tolist() == [(row, step) for row in "xyz" for step in ("first", "second")]


def test_batches_make_no_difference(fitted, monkeypatch):
    model, sequences = fitted(FRAME, FRAME["a"]), fitted(SEQUENCES, np.arange(3.0))
    whole = gates(model, FRAME), gates(sequences, SEQUENCES)
    monkeypatch.setattr(_subject, "BATCH_NUMBERS", 4 * 34 * 2)  # two windows
    assert len(list(_subject.Subject(model, FRAME, None).batches())) == 6
    np.testing.assert_allclose(gates(model, FRAME), whole[0], rtol=1e-13)
    np.testing.assert_allclose(gates(sequences, SEQUENCES), whole[1], rtol=1e-13)


def test_every_cell_has_its_gates_named():
    assert set(_gates.PLANES) == set(CELLS)


def test_what_is_wrong_is_named(fitted):
    model = fitted(FRAME, FRAME["a"])
    with pytest.raises(NotFittedError, match="not fitted"):
        gates(GRURegressor(), FRAME)
    with pytest.raises(
        TypeError, match="Give a fitted GRURegressor or GRUClassifier; got Pipeline. Of a pipeline, give the last step"
    ):
        gates(make_pipeline(StandardScaler(), model), FRAME)
    with pytest.raises(ValueError, match="feature names should match"):
        gates(model, FRAME[["a"]])
    with pytest.raises(ValueError, match="NaN in column 'b' at 2024-01-01 02:00"):
        gates(model, FRAME.assign(b=FRAME["b"].where(FRAME.index != HOURS[2])))
    with pytest.raises(ValueError, match="X is read as sequences here"):
        gates(model, SEQUENCES)
    with pytest.raises(ValueError, match="context must be 'auto'"):
        gates(model, FRAME, context="none")

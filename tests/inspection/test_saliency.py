"""Gradients of predictions against central differences of the reference; completeness of the integrated ones."""

import numpy as np
import pandas as pd
import pytest
import reference
from sklearn.exceptions import NotFittedError

from grukit import GRURegressor
from grukit.estimators.fitted import fitted_state
from grukit.inspection import _subject, saliency

RNG = np.random.default_rng(0)
DAYS = pd.date_range("2024-01-01", periods=7, freq="D", name="day")
FRAME = pd.DataFrame(RNG.normal(10, 3, (7, 2)), index=DAYS, columns=["a", "b"])
SEQUENCES = [RNG.normal(5, 2, (4, 2)), RNG.normal(5, 2, (1, 2)), RNG.normal(5, 2, (3, 2))]
TARGETS = pd.DataFrame(np.abs(RNG.normal(4, 2, (7, 2))), index=DAYS, columns=["p", "q"])


def predict_one(model, sequence, k=0):
    """Prediction k at the end of one sequence (T, D), by the reference in float64."""
    x = (sequence - fitted_state(model).x_scaler.mean) / fitted_state(model).x_scaler.scale
    outputs, _ = reference.network_forward(model.cell, model.weights_, x[:, None])
    return float(fitted_state(model).y_scaler.inverse(outputs)[0, k])


def by_differences(model, sequence, k=0):
    sequence = np.array(sequence, dtype=np.float64)
    return reference.central_difference(lambda: predict_one(model, sequence, k), sequence, step=1e-5)


def window(i, frame=FRAME, width=3):
    return frame.to_numpy()[max(0, i - width + 1) : i + 1]


@pytest.mark.parametrize(
    "changes", [{}, {"loss": "poisson"}, {"standardize": False}, {"cell": "gru_reset_before"}], ids=str
)
def test_rows_of_a_table_agree_with_central_differences(changes, fitted):
    model = fitted(FRAME, TARGETS, window=3, scale=0.3, **changes)
    found = saliency(model, FRAME, output="q")
    assert found.index.names == ["day", "lag"] and list(found.columns) == ["a", "b"]
    assert found.index.tolist() == [(DAYS[i], lag) for i in range(7) for lag in range(min(3, i + 1))]
    for i in range(7):
        expected = by_differences(model, window(i), k=1)[::-1]
        assert np.abs(found.loc[DAYS[i]] - expected).max(axis=None) < 1e-6 * np.abs(expected).max()


@pytest.mark.parametrize("cell", ["gru", "gru_reset_before"])
def test_sequences_agree_with_central_differences(cell, fitted):
    model = fitted(SEQUENCES, np.arange(3.0), cell=cell)
    found = saliency(model, SEQUENCES)
    assert found.index.names == ["sequence", "step"] and list(found.columns) == [0, 1]
    for i, sequence in enumerate(SEQUENCES):
        np.testing.assert_allclose(found.loc[i], by_differences(model, sequence), rtol=1e-6, atol=1e-9)


def test_with_an_output_at_every_step_the_last_one_is_explained(fitted):
    frames = [FRAME[:4], FRAME[4:6]]
    model = fitted(frames, [frame["a"] * 2 for frame in frames])
    found = saliency(model, frames)
    assert found.index.tolist() == [(0, day) for day in DAYS[:4]] + [(1, day) for day in DAYS[4:6]]
    for i, frame in enumerate(frames):
        np.testing.assert_allclose(found.loc[i], by_differences(model, frame), rtol=1e-6, atol=1e-9)


def test_rows_that_are_sequences(fitted):
    rows = pd.DataFrame(RNG.normal(size=(3, 4)), index=["x", "y", "z"], columns=list("abcd"))
    model = fitted(rows, [1.0, 2.0, 3.0], window=None)
    found = saliency(model, rows, rows=["z", "x"])
    assert found.index.tolist() == [(row, step) for row in "zx" for step in "abcd"]
    for row in "zx":
        expected = by_differences(model, rows.loc[row].to_numpy()[:, None])
        np.testing.assert_allclose(found.loc[row], expected, rtol=1e-6, atol=1e-9)


# -- integrated gradients ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
def test_integrated_gradients_sum_to_the_difference_from_the_baseline(loss, fitted):
    model = fitted(FRAME, TARGETS["p"], window=3, loss=loss)
    errors = {}
    for n_steps in (20, 40):
        sums = saliency(model, FRAME, "integrated", n_steps=n_steps).groupby("day").sum().sum(axis=1)
        differences = [
            predict_one(model, window(i)) - predict_one(model, 0 * window(i) + fitted_state(model).x_scaler.mean)
            for i in range(7)
        ]
        errors[n_steps] = sums.to_numpy() - differences
        assert np.abs(errors[n_steps]).max() < 2e-3 * np.abs(differences).max()
    # The midpoint rule's error falls with the square of the step.
    assert 3.8 < np.linalg.norm(errors[20]) / np.linalg.norm(errors[40]) < 4.2


def test_one_step_of_the_midpoint_rule_is_the_gradient_half_way(fitted):
    model = fitted(FRAME, TARGETS["p"], window=3)
    baseline = np.array([1.0, 2.0])
    found = saliency(model, FRAME, "integrated", rows=DAYS[5], n_steps=1, baseline=baseline)
    expected = by_differences(model, (window(5) + baseline) / 2) * (window(5) - baseline)
    np.testing.assert_allclose(found, expected[::-1], rtol=1e-6)


def test_baselines(fitted):
    model = fitted(FRAME, TARGETS["p"], window=3)
    run = lambda baseline: saliency(model, FRAME, "integrated", baseline=baseline, n_steps=2)  # noqa: E731
    pd.testing.assert_frame_equal(run(FRAME.mean()), run(None), rtol=1e-12)
    pd.testing.assert_frame_equal(run(FRAME.mean()[["b", "a"]]), run(FRAME.mean()))  # a Series goes by its names
    pd.testing.assert_frame_equal(run(2.0), run([2.0, 2.0]))
    assert (run(2.0) != run(3.0)).all(axis=None)
    raw = fitted(FRAME, TARGETS["p"], window=3, standardize=False)
    pd.testing.assert_frame_equal(saliency(raw, FRAME, "integrated"), saliency(raw, FRAME, "integrated", baseline=0))


# -- which rows --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "chosen"),
    [
        (DAYS[3], [3]),
        ("2024-01-04", [3]),
        (slice("2024-01-03", "2024-01-05"), [2, 3, 4]),
        (DAYS[[5, 1]], [5, 1]),
        (FRAME.index > DAYS[4], [5, 6]),
    ],
    ids=["label", "string", "slice", "labels", "mask"],
)
def test_rows_are_chosen_as_by_loc_and_keep_their_history(rows, chosen, fitted):
    model = fitted(FRAME, TARGETS["p"], window=3)
    found, whole = saliency(model, FRAME, rows=rows), saliency(model, FRAME)
    assert found.index.unique("day").tolist() == list(DAYS[chosen])
    for i in chosen:
        np.testing.assert_allclose(found.loc[DAYS[i]], whole.loc[DAYS[i]], rtol=1e-12)


def test_a_panel_in_any_order(fitted):
    panel = pd.concat({"u": FRAME, "v": FRAME * 2 - 3}, names=["site", "day"]).sort_index(level="day")
    model = fitted(panel, panel["a"], window=3)
    found = saliency(model, panel, rows="v")
    assert found.index.names == ["site", "day", "lag"] and found.index.unique("site").tolist() == ["v"]
    for i in range(7):
        expected = by_differences(model, window(i, FRAME * 2 - 3))[::-1]
        np.testing.assert_allclose(found.loc["v", DAYS[i]], expected, rtol=1e-6, atol=1e-9)
    pd.testing.assert_frame_equal(found, saliency(model, panel).loc[["v"]], rtol=1e-12)


def test_arrays(fitted):
    model = fitted(FRAME.to_numpy(), TARGETS.to_numpy(), window=3)
    found = saliency(model, FRAME.to_numpy(), output=1, rows=[6, 2])
    assert found.index.tolist() == [(i, lag) for i in (6, 2) for lag in range(3)]
    assert found.index.names == ["row", "lag"]
    np.testing.assert_allclose(found.loc[6], by_differences(model, window(6), k=1)[::-1], rtol=1e-6)


def test_history_from_before_the_first_row(fitted):
    model = fitted(FRAME[:5], TARGETS["p"][:5], window=3)
    pd.testing.assert_frame_equal(saliency(model, FRAME[5:]), saliency(model, FRAME, rows=DAYS[5:]), rtol=1e-12)
    alone = saliency(model, FRAME[5:], context=None)
    assert alone.index.tolist() == [(DAYS[5], 0), (DAYS[6], 0), (DAYS[6], 1)]
    for i in (5, 6):
        np.testing.assert_allclose(alone.loc[DAYS[i]], by_differences(model, FRAME[5 : i + 1])[::-1], rtol=1e-6)


def test_batches_make_no_difference(fitted, monkeypatch):
    model = fitted(FRAME, TARGETS["p"], window=3)
    whole = saliency(model, FRAME)
    monkeypatch.setattr(_subject, "BATCH_NUMBERS", 1)
    pd.testing.assert_frame_equal(saliency(model, FRAME), whole, rtol=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "occlusion"}, "method must be one of 'gradient', 'integrated'; got 'occlusion'"),
        ({"n_steps": 0}, "n_steps must be a positive integer; got 0"),
        ({"output": None}, r"output must be one of \['p', 'q'\]; got None"),
        ({"output": "r"}, r"output must be one of \['p', 'q'\]; got 'r'"),
        (
            {"rows": "2025-01-01"},
            "rows='2025-01-01' cannot be chosen among the 7 entries of X's index, from 2024-01-01",
        ),
        ({"rows": slice("2025", "2026")}, "chooses none of the 7 entries"),
        ({"rows": [True, False]}, "rows=.* cannot be chosen among .*wrong length: 2 instead of 7"),
        ({"rows": pd.Series([True] * 7)}, "(?s)rows=.* cannot be chosen among .*Unalignable boolean Series"),
        ({"baseline": ["low", "high"]}, "baseline must hold numbers: .*'low'"),
        ({"baseline": [1.0, 2.0, 3.0]}, r"have the shape \(2,\); its shape is \(3,\)"),
        ({"baseline": np.nan}, "baseline must be finite"),
        (
            {"baseline": pd.Series({"a": 1.0, "c": 2.0})},
            r"baseline has the index \['a', 'c'\]; it must be \['a', 'b'\]",
        ),
        ({"X": FRAME[["a"]]}, "feature names should match"),
    ],
    ids=str,
)
def test_what_is_wrong_is_named(options, message, fitted):
    model = fitted(FRAME, TARGETS, window=3)
    with pytest.raises(ValueError, match=message):
        saliency(model, **{"X": FRAME, "output": "p", "method": "integrated", **options})


def test_an_unfitted_model():
    with pytest.raises(NotFittedError, match="not fitted"):
        saliency(GRURegressor(), FRAME)


@pytest.mark.parametrize("method", ["gradient", "integrated"])
@pytest.mark.parametrize("difference", [False, True])
def test_nothing_but_what_is_missing_is_nan(method, difference, fitted):
    """A difference is missing where either of its rows is; the known one still counts for the other difference it is in."""
    gappy = pd.DataFrame(np.random.default_rng(1).normal(size=(12, 2)), columns=["a", "b"])
    gappy.iloc[[4, 7], 0] = np.nan
    model = fitted(gappy, gappy["b"], missing="mask", difference=difference, linear_lags=2, dtype="float64")
    found = saliency(model, gappy, method)
    seen = gappy.to_numpy()[found.index.get_level_values(0) - found.index.get_level_values("lag")]
    np.testing.assert_array_equal(np.isnan(found), np.isnan(seen))
    if method == "gradient":
        step = np.zeros((4, 2))
        step[1, 0] = 1e-5  # of row 5, whose own difference is missing, that of row 6 is not
        window, predict = gappy.iloc[4:8].to_numpy(), model.predictor()
        expected = (predict(window + step) - predict(window - step)) / 2e-5
        np.testing.assert_allclose(found.loc[(7, 2), "a"], expected, atol=1e-7)

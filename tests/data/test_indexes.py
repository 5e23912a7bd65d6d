"""The index of numbers about X."""

import numpy as np
import pandas as pd
import pytest

from grukit.data import Scaler, TargetForm, choose_rows, feature_columns, lag_index, sample_index, step_index

TIMES = pd.date_range("2024-01-01", periods=3, freq="D", name="day", tz="Europe/Berlin")
FRAME = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": 0.0}, index=TIMES)


def test_one_entry_a_sample():
    assert sample_index(FRAME) is FRAME.index
    pd.testing.assert_index_equal(sample_index(np.ones((4, 2))), pd.RangeIndex(4, name="row"))
    pd.testing.assert_index_equal(sample_index([np.ones((4, 2))] * 3), pd.RangeIndex(3, name="sequence"))
    pd.testing.assert_index_equal(sample_index(np.ones((2, 4, 2))), pd.RangeIndex(2, name="sequence"))


def test_steps_of_frames_and_arrays_in_one_list():
    plain = FRAME.set_axis(pd.RangeIndex(3))
    assert step_index([plain, np.ones((1, 2))]).tolist() == [(0, 0), (0, 1), (0, 2), (1, 0)]
    assert step_index([plain]).names == ["sequence", "step"]
    dated = step_index([FRAME, FRAME[:1]])
    assert dated.names == ["sequence", "day"] and dated.get_level_values("day").dtype == TIMES.dtype


def test_lags_extend_every_level():
    panel = pd.MultiIndex.from_tuples([("u", 1), ("v", 5)], names=["site", None])
    lags = lag_index(panel, np.array([1, 2]))
    assert lags.tolist() == [("u", 1, 0), ("v", 5, 0), ("v", 5, 1)]
    assert lags.names == ["site", None, "lag"]


def test_features():
    assert list(feature_columns(FRAME, 2)) == ["a", "b"] == list(feature_columns([FRAME, FRAME], 2))
    assert list(feature_columns(np.ones((5, 3)), 3)) == [0, 1, 2]
    assert list(feature_columns(FRAME, 1)) == [0]  # rows that are univariate sequences: columns are steps


@pytest.mark.parametrize(
    ("rows", "chosen"),
    [(None, [0, 1, 2]), (TIMES[1], [1]), ("2024-01-02", [1]), (TIMES[[2, 0]], [2, 0]), ([False, True, True], [1, 2])],
    ids=str,
)
def test_choice_of_rows(rows, chosen):
    assert choose_rows(TIMES, rows).tolist() == chosen


def test_derivative_of_the_scaler():
    values = np.array([[0.3, -1.2], [2.0, 0.5]])
    for link in ("identity", "log"):
        scaler = Scaler(np.array([1.0, 2.0]), np.array([0.5, 3.0]), link)
        numeric = (scaler.inverse(values + 1e-6) - scaler.inverse(values - 1e-6)) / 2e-6
        np.testing.assert_allclose(scaler.derivative(values), numeric, rtol=1e-8)


def test_number_of_an_output():
    assert TargetForm(1, False, True, None).number_of(None) == 0
    assert TargetForm(2, False, False, None).number_of(1) == 1
    assert TargetForm(2, False, False, pd.Index(["p", "q"])).number_of("q") == 1
    with pytest.raises(ValueError, match=r"output must be one of \[0, 1\]; got 2"):
        TargetForm(2, False, False, None).number_of(2)
    with pytest.raises(ValueError, match=r"output must be one of \['p', 'q'\]; got None"):
        TargetForm(2, False, False, ["p", "q"]).number_of(None)

"""Covariates at the rows that are asked for."""

import numpy as np
import pandas as pd
import pytest

from grukit.data.covariates import read_covariates

DAYS = pd.date_range("2024-01-01", periods=12)
KEYS = [("a",), ("b",), ("c",), ("d",)]


@pytest.mark.parametrize("index", [DAYS, DAYS.to_period("D"), pd.RangeIndex(12), pd.Index(np.arange(12) / 10)])
def test_each_series_of_a_panel_has_the_rows_of_its_own_stamps(index):
    """Series with one index, asked for at the same times, among them such as begin later and end earlier."""
    given = {"a": (0, 12), "b": (0, 12), "c": (3, 12), "d": (2, 11)}
    X = pd.concat({key: pd.Series(100.0 * n + np.arange(first, last), index=index[first:last], name="p")
                   for n, (key, (first, last)) in enumerate(given.items())})  # fmt: skip
    asked, alone = index[4:10], index[5:8]
    found = read_covariates(X, ["p"], KEYS, [asked, asked, asked, alone], "X")
    for n, (rows, first, last) in enumerate(zip(found, (4, 4, 4, 5), (10, 10, 10, 8), strict=True)):
        np.testing.assert_array_equal(rows, 100.0 * n + np.arange(first, last)[:, None])
    with pytest.raises(ValueError, match=r"X has no row at .* of series c: it must have one at every step from"):
        read_covariates(X, ["p"], KEYS[:3], [index[2:6]] * 3, "X")

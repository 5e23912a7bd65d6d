"""Whether there is a linear part."""

import numpy as np
import pandas as pd
import pytest

from grukit.data import ALL_ALIKE, Samples, Scaler, read_table, windows
from grukit.estimators._choices import choose_linear

ROWS = np.random.default_rng(0).normal(size=(60, 1)).cumsum(axis=0)
KNOWN = np.arange(60) % 3 == 0  # where there is a second output


@pytest.mark.parametrize(
    ("known", "weights", "is_there"),
    [
        (KNOWN, np.full(60, 0.5), True),
        (np.full(60, False), np.full(60, 0.5), False),
        (KNOWN, np.where(KNOWN, 0.0, 0.5), False),
    ],
    ids=["in some samples", "in none", "in samples of weight zero"],
)
def test_every_output_must_be_known_in_a_sample_that_counts(known, weights, is_there):
    table = read_table(ROWS, pd.DataFrame(ROWS))
    targets = np.hstack([3 * ROWS, np.where(known[:, None], 2 * ROWS, np.nan)])
    samples = Samples(windows(table, 4), targets, weights, False, ALL_ALIKE)
    found = choose_linear(None, 1, None, samples, samples, Scaler.fit(ROWS))
    assert (found is not None) == is_there
    if is_there:
        np.testing.assert_allclose(found.final.predict(samples.sequences, False), ROWS * [3, 2], atol=1e-4)

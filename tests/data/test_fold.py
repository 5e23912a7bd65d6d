"""Equal samples counted once."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from grukit.data import read_sequences
from grukit.data.fold import fold_duplicates


def content(sequences, targets, i, per_step):
    rows = slice(sequences.starts[i], sequences.starts[i] + sequences.lengths[i])
    return sequences.values[rows].tobytes(), (targets[rows] if per_step else targets[i]).tobytes()


@settings(max_examples=60, deadline=None)
@given(
    # Few different values and lengths, so that equal samples are common.
    samples=st.lists(st.tuples(st.integers(1, 3), st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=20),
    per_step=st.booleans(),
    data=st.data(),
)
def test_each_content_survives_once_with_the_sum_of_its_weights(samples, per_step, data):
    X = [np.full((n, 2), float(x)) for n, x, _ in samples]
    sequences = read_sequences(X)
    t = np.array([[float(y)] for _, _, y in samples])
    targets = np.repeat(t, sequences.lengths, axis=0) if per_step else t
    weights = np.array(data.draw(st.lists(st.integers(1, 5), min_size=len(X), max_size=len(X))), dtype=float)
    kept, total = fold_duplicates(sequences, targets, per_step, weights)
    found = {content(sequences, targets, i, per_step): w for i, w in zip(kept, total, strict=True)}
    expected = {}
    for i, w in enumerate(weights):
        key = content(sequences, targets, i, per_step)
        expected[key] = expected.get(key, 0) + w
    assert found == expected and len(kept) == len(expected)

    # The survivors come in the same order however the samples came.
    order = np.random.default_rng(0).permutation(len(X))
    again = read_sequences([X[i] for i in order])
    moved = np.repeat(t[order], again.lengths, axis=0) if per_step else t[order]
    kept_again, total_again = fold_duplicates(again, moved, per_step, weights[order])
    np.testing.assert_array_equal(total_again, total)
    assert [content(again, moved, i, per_step) for i in kept_again] == [
        content(sequences, targets, i, per_step) for i in kept
    ]

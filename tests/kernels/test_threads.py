"""Predictions of few sequences: as many threads as there are chunks, to the same bits."""

import numpy as np
import pytest

from grukit.engines import select_engine
from grukit.kernels.cpu.inference import predictions
from grukit.model import NetworkSpec, initialize
from grukit.train import predict

KERNELS = select_engine("cpu").kernels
SPEC = NetworkSpec("gru", 2, (32,), 1)


@pytest.mark.parametrize(("n", "threads"), [(7, 1), (8, 2), (9, 2), (10, 2), (11, 2), (12, 2)])
def test_few_sequences_on_two_threads(monkeypatch, n, threads):
    taken = []

    class Team(predictions.Team):
        def __init__(self, n_threads):
            taken.append(n_threads)
            super().__init__(n_threads)

    monkeypatch.setattr(predictions, "Team", Team)
    rng = np.random.default_rng(n)
    parameters = initialize(SPEC, "uniform", "float32", np.random.RandomState(0))
    values, targets = rng.normal(size=(6 * n, 2)).astype("float32"), np.zeros((n, 1), "float32")
    samples = KERNELS.Samples(values, targets, 6 * np.arange(n), np.full(n, 6), np.ones(n, "float32"))
    one, two = (predict(KERNELS, SPEC, parameters, samples, n_threads) for n_threads in (1, 2))
    np.testing.assert_array_equal(one, two)
    assert taken == [1, threads] and np.ptp(one) > 1e-3

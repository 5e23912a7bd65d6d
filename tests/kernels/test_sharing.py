"""Batches whose slots several processes compute: the same chunks, the same sums, the same steps as in one session."""

import numpy as np
import pytest

from grukit.engines import select_engine
from grukit.model import NetworkSpec, initialize

kernels = select_engine("cpu").kernels
SPEC = NetworkSpec("gru", 2, (4,), 1)


@pytest.fixture(scope="module")
def samples():
    """Sequences of 1 to 8 steps, of unequal weight."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 9, 300)
    starts = rng.integers(0, 100, 300)
    values, targets = rng.normal(size=(108, 2)).astype(np.float32), rng.normal(size=(300, 1)).astype(np.float32)
    return kernels.Samples(values, targets, starts, lengths, rng.uniform(0.5, 2.0, 300).astype(np.float32))


def optimizer():
    parameters = initialize(SPEC, "glorot", "float32", np.random.RandomState(0), 8)
    zeros = np.zeros_like(parameters)
    return kernels.Optimizer(
        1, 0.9, True, 0.9, 0.999, 1e-8, 0.01, 1.0, parameters, parameters.copy(), SPEC.penalized("float32"),
        zeros.copy(), zeros.copy(), np.zeros(1, np.int64),
    )  # fmt: skip


def batches_of(order):
    return kernels.Batches(order, 150, np.full(2, 0.01), np.zeros((2, 3)), np.zeros(1, np.int64), True)


def test_shares_take_the_steps_of_a_session(samples):
    network, order = SPEC.for_kernels(kernels, seed=0), np.random.default_rng(1).permutation(300)
    alone, alone_batches = optimizer(), batches_of(order.copy())
    with kernels.Session(network, samples, None, 0, 0.0, 1, 150, "full") as session:
        session.begin(alone)
        session.train(alone_batches, 2)  # which sorts each batch by length
        loss, storage = session.loss, session.storage
    order = alone_batches.order
    together, batches = optimizer(), batches_of(order)
    slots, weights = np.empty(300, np.int64), np.empty(2)
    plan = network, samples, order, 150, loss.rows, SPEC.n_parameters
    kernels.plan_batches(*plan, slots, weights)
    assert np.array_equal(weights, alone_batches.records[:, 1])
    shares = [kernels.Share(network, loss, "float32", SPEC.n_parameters, 8, False, n) for n in (1, 2)]
    with shares[0], shares[1]:
        for number in range(2):
            batch = slice(150 * number, 150 * (number + 1))
            n_slots, total = int(slots[batch].max()) + 1, None
            assert n_slots > 3  # chunks of 32 samples or fewer
            for share, own in zip(shares, (range(2), range(2, n_slots)), strict=True):
                given = together.parameters, samples, order[batch], 1.0 / weights[number], 0
                storage.losses[own.start : own.stop] = share.compute(*given, own, True)
                for slot in own:
                    partial = share.storage.slots[slot]
                    total = partial.copy() if total is None else total + partial
            storage.slots[0] = total
            assert kernels.take_step(
                np.zeros(1, np.int64), number, weights[number], n_slots, batches, together, storage
            )
    assert np.array_equal(batches.records, alone_batches.records) and batches.done[0] == 2
    for name in ("parameters", "first_moment", "second_moment", "step"):
        assert np.array_equal(getattr(together, name), getattr(alone, name)), name


def test_a_step_that_is_not_finite_is_not_taken(samples):
    own, batches = optimizer(), batches_of(np.arange(300))
    before = own.parameters.copy()
    with kernels.Session(SPEC.for_kernels(kernels, seed=0), samples, None, 0, 0.0, 1, 150, "full") as session:
        storage = session.storage
    storage.slots[0], storage.losses[:] = np.nan, 1.0
    assert not kernels.take_step(np.zeros(1, np.int64), 0, 1.0, 4, batches, own, storage)
    assert np.array_equal(own.parameters, before) and batches.done[0] == 0

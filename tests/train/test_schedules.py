"""Learning-rate schedules by their formulas."""

import numpy as np
import pytest

from grukit.train.schedules import rates_of_epoch


def whole(schedule, n_epochs=10, n_batches=7, initial=0.5):
    return np.concatenate([rates_of_epoch(schedule, initial, e, n_epochs, n_batches) for e in range(n_epochs)])


@pytest.mark.parametrize("schedule", ["constant", "adaptive"])
def test_constant(schedule):
    np.testing.assert_array_equal(whole(schedule), 0.5)


def test_cosine():
    rates = whole("cosine")
    np.testing.assert_allclose(rates, 0.25 * (1 + np.cos(np.pi * np.arange(70) / 70)))
    assert np.all(np.diff(rates) < 0)


def test_one_cycle():
    rates = whole("one_cycle")
    peak = np.argmax(rates)
    assert peak == 21
    np.testing.assert_allclose([rates[0], rates[peak]], [0.5 / 25, 0.5])
    assert np.all(np.diff(rates[: peak + 1]) > 0)
    assert np.all(np.diff(rates[peak:]) < 0)
    assert rates[-1] < 0.01 * 0.5


def test_one_cycle_agrees_with_pytorch():
    torch = pytest.importorskip("torch")
    steps = 100
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=steps + 1, cycle_momentum=False)
    expected = []
    for _ in range(steps):
        expected.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    # PyTorch puts the peak at 0.3 * 101 - 1 = 29.3 steps, we at 30: the same curve, less than a step apart.
    np.testing.assert_allclose(whole("one_cycle", 10, 10, 0.1), expected, atol=0.1 * 0.04)

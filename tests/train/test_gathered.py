"""Batches whose targets are gathered, in groups: what a fit draws does not depend on where calls of the kernels end."""

import numpy as np
import pandas as pd

from grukit import GRUForecaster
from grukit.kernels.cpu.session import Session

VALUES = pd.Series(np.random.default_rng(0).normal(size=1500).cumsum(), pd.date_range("2024", periods=1500, freq="h"))


def fitted(monkeypatch, seconds):
    monkeypatch.setattr("grukit.train.stepper.SPAN_SECONDS", seconds)
    settings = {"hidden_layer_sizes": 4, "window": 8, "horizon": 3, "calendar": None, "calibration_fraction": None}
    model = GRUForecaster(
        **settings, dropout=0.3, recurrent_dropout=0.2, max_iter=2, random_state=0, batch_size=32, early_stopping=False
    )
    return model.fit(VALUES).weights_["weight_hh_l0"]


def test_dropout_is_not_drawn_by_the_clock(monkeypatch):
    by_one, by_all = fitted(monkeypatch, 0.0), fitted(monkeypatch, np.inf)  # batches in a call
    np.testing.assert_array_equal(by_one, by_all)


def test_groups_drop_other_inputs(monkeypatch):
    """Samples are numbered in their group: each has a seed of its own."""
    seeds, train = [], Session.train

    def watched(session, batches, stop_at):
        seeds.append(batches.seed)
        train(session, batches, stop_at)

    monkeypatch.setattr(Session, "train", watched)
    fitted(monkeypatch, np.inf)
    assert len(set(seeds)) == 4  # of two epochs, 1024 samples and the others

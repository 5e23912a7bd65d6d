"""The network of a forecaster alone: tried where it promises more, the same as if it had been asked for."""

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning

import grukit
from grukit import GRUForecaster
from grukit.datasets import make_lorenz
from grukit.estimators import _forecast_alone
from grukit.train import interrupts, stochastic

SMALL = {"horizon": 4, "window": 12, "hidden_layer_sizes": 8, "max_iter": 40, "calendar": None, "random_state": 0}
ASKED = {
    "normalize": None,
    "linear_lags": 0,
    "learning_rate": "cosine",
    "learning_rate_init": 0.0125,
    "n_iter_no_change": 40,
}
RATE = {"learning_rate_init": 0.005}  # times 2.5
CHAOS = pd.Series(make_lorenz(640, dt=0.08, random_state=3)["x"].to_numpy(), name="x")
PAST, FUTURE = CHAOS.iloc[:560], CHAOS.iloc[560:]


def errors(model):
    ends = np.arange(559, 636)
    windows = np.stack([CHAOS.to_numpy()[end - 11 : end + 1] for end in ends])
    truth = np.stack([CHAOS.to_numpy()[end + 1 : end + 5] for end in ends])
    return np.abs(model.predictor()(windows) - truth).mean()


@pytest.fixture(scope="module", params=["folds", "split"])
def chosen(request):
    return GRUForecaster(**SMALL, **RATE, calibration=request.param).fit(PAST)


def test_what_is_chosen_is_what_could_have_been_asked_for(chosen):
    """To the bit, in forecasts and in intervals, of which copies on folds are alone, too."""
    asked = GRUForecaster(**{**SMALL, **ASKED}, calibration=chosen.calibration).fit(PAST)
    assert chosen.alone_ < 0.95 and chosen.normalize_ is None and chosen.linear_lags_ == 0
    assert asked.alone_ is None and "Network alone" in chosen.summary()
    pd.testing.assert_series_equal(chosen.predict(), asked.predict(), check_exact=True)
    pd.testing.assert_frame_equal(chosen.predict_interval(), asked.predict_interval(), check_exact=True)


def test_it_forecasts_better_than_beside_a_linear_part(chosen):
    beside = GRUForecaster(**SMALL, **RATE, linear_lags=12, calibration="split").fit(PAST)
    assert beside.alone_ is None and beside.linear_lags_ == 12
    assert errors(chosen) < 0.7 * errors(beside)


def test_it_goes_on(chosen, tmp_path):
    """From a file, and with more epochs."""
    chosen.save(tmp_path / "alone.gru")
    again = grukit.load(tmp_path / "alone.gru")
    assert again.alone_ == chosen.alone_
    pd.testing.assert_series_equal(again.predict(), chosen.predict(), check_exact=True)
    before = len(again.history_)
    again.update(CHAOS, refit=2)
    assert len(again.history_) == before + 2 and again.linear_lags_ == 0


def test_it_is_tried_only_where_it_promises_more():
    noise = pd.Series(np.random.default_rng(0).normal(size=600).cumsum())
    assert GRUForecaster(**{**SMALL, "max_iter": 3}).fit(noise).alone_ is None
    for other in ({"normalize": None}, {"solver": "sgd"}, {"early_stopping": False}, {"learning_rate": "cosine"}):
        assert GRUForecaster(**{**SMALL, "max_iter": 3}, **other, calibration="split").fit(PAST).alone_ is None


@pytest.mark.parametrize(("enough", "tried"), [(400, False), (300, True)])
def test_it_is_tried_with_enough_origins_alone(monkeypatch, enough, tried):
    monkeypatch.setattr(_forecast_alone, "ENOUGH", enough)
    model = GRUForecaster(**SMALL, **RATE, calibration_fraction=None).fit(PAST.iloc[:420])  # of which 373 origins train
    assert (model.alone_ is not None) == tried


def test_ctrl_c_while_it_is_tried_keeps_the_other(monkeypatch):
    settings = {**SMALL, **RATE, "calibration": "split"}
    told, run = [], stochastic._run_epoch

    def interrupted(*arguments):
        told.append(arguments)
        if len(told) == 42:  # 40 epochs beside the linear part, the second alone
            raise KeyboardInterrupt
        return run(*arguments)

    beside = GRUForecaster(**{**settings, "n_iter_no_change": 40, "linear_lags": 12}).fit(PAST)
    monkeypatch.setattr(stochastic, "_run_epoch", interrupted)
    monkeypatch.setattr(interrupts, "_last", [-np.inf])
    with pytest.warns(ConvergenceWarning, match="interrupted"):
        model = GRUForecaster(**settings, n_iter_no_change=40).fit(PAST)
    assert "interrupted while the network alone was tried" in model.stop_reason_
    pd.testing.assert_series_equal(model.predict(), beside.predict(), check_exact=True)


def test_a_checkpoint_resumes_in_either_training(tmp_path, monkeypatch):
    settings = {**SMALL, **RATE, "calibration": "split", "checkpoint_every": 5}
    whole = GRUForecaster(**settings).fit(PAST)
    run = stochastic._run_epoch
    for n in (12, 47):
        told = []

        def ended(*arguments, told=told, n=n):
            told.append(0)
            if len(told) > n:
                raise MemoryError
            return run(*arguments)

        path = tmp_path / f"after_{n}.gru"
        monkeypatch.setattr(stochastic, "_run_epoch", ended)
        with pytest.raises(MemoryError):
            GRUForecaster(**settings, checkpoint=path).fit(PAST)
        monkeypatch.setattr(stochastic, "_run_epoch", run)
        again = GRUForecaster(**settings, checkpoint=path).fit(PAST, resume=True)
        assert again.alone_ == whole.alone_
        pd.testing.assert_series_equal(again.predict(), whole.predict(), check_exact=True)

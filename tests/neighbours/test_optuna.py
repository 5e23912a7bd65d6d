"""Optuna's search, which ends trials early through ``callbacks``."""

import pytest

pytest.importorskip("optuna", reason="Optuna is not installed: pip install 'grukit[test-neighbours]'")

import optuna

from grukit import GRURegressor


@pytest.fixture(autouse=True)
def quiet():
    """What it logs of every trial is off."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(before)


def test_trials_that_fall_behind_are_pruned(sst):
    X, y = sst.to_frame().iloc[:-1], sst.shift(-1).iloc[:-1].rename("next")
    split = {"X_val": X[90:], "y_val": y[90:]}
    settings = {"hidden_layer_sizes": 4, "window": 6, "max_iter": 6, "random_state": 0, "linear_lags": 0}
    settings |= {"anchor": None, "difference": False, "early_stopping": True, "n_iter_no_change": 6}

    def objective(trial):
        def report(record):
            trial.report(record["validation_loss"], record["epoch"])
            if trial.should_prune():
                raise optuna.TrialPruned

        rate = trial.suggest_categorical("learning_rate_init", [0.02, 1e-5, 0.01])
        model = GRURegressor(**settings, learning_rate_init=rate, callbacks=report).fit(X[:90], y[:90], **split)
        return min(model.validation_curve_)

    study = optuna.create_study(
        sampler=optuna.samplers.GridSampler({"learning_rate_init": [0.02, 1e-5, 0.01]}, seed=0),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=0, n_warmup_steps=2),
    )
    for rate in (0.02, 1e-5, 0.01):
        study.enqueue_trial({"learning_rate_init": rate})
    study.optimize(objective, n_trials=3)
    slow = study.trials[1]
    assert [trial.state.name for trial in study.trials][:2] == ["COMPLETE", "PRUNED"]
    assert len(study.trials[0].intermediate_values) == 6 and len(slow.intermediate_values) == 2
    alone = GRURegressor(**settings, **study.best_params).fit(X[:90], y[:90], **split)
    assert study.best_value == min(alone.validation_curve_)
    whole = GRURegressor(**settings, learning_rate_init=1e-5).fit(X[:90], y[:90], **split)
    assert list(slow.intermediate_values.values()) == whole.validation_curve_[:2]

"""The settings of a network alone: what regressors add to it and choose by themselves has tests of its own."""

PLAIN = {"anchor": None, "linear_lags": 0, "difference": False, "early_stopping": False, "learning_rate_init": 0.003}


def for_labels(settings):
    """Settings of a classifier: those of a regressor that it has."""
    return {name: value for name, value in settings.items() if name != "anchor"}

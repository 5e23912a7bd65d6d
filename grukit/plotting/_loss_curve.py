"""The loss of each epoch."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from grukit.estimators.attributes import FittedNetwork
from grukit.estimators.one_model import one_model
from grukit.plotting._common import DASHED, MARK, SOLID, axes_or_new, log_scale_of_losses, whole_steps

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LOSS_NAMES = {
    "squared_error": "squared error",
    "absolute_error": "absolute error",
    "huber": "Huber loss",
    "quantile": "pinball loss",
    "poisson": "Poisson loss",
}


class LossCurveDisplay:
    """The training and, where there is one, the validation loss of each epoch.

    Parameters
    ----------
    history : DataFrame
        The ``history_`` of an estimator: columns ``epoch``, ``loss`` and ``validation_loss`` (NaN or left out where nothing
        was held out), one row an epoch.
    loss_name : str, default="loss"
        For the label of the y axis.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes, Figure
        Where it was drawn.
    training_line_, validation_line_ : matplotlib Line2D
        The losses; ``validation_line_`` is None where nothing was held out.
    lowest_mark_ : matplotlib Line2D
        One point, the lowest validation loss, or the lowest training loss where nothing was held out.

    Raises
    ------
    TypeError
        Where ``history`` is not a DataFrame.
    ValueError
        For a history with a column missing, or without an epoch.
    """

    def __init__(self, history: pd.DataFrame, *, loss_name: str = "loss"):
        if not isinstance(history, pd.DataFrame):
            raise TypeError(f"history must be a DataFrame, the history_ of an estimator; got {type(history).__name__}.")
        missing = [column for column in ("epoch", "loss") if column not in history]
        if missing:
            raise ValueError(f"The history has no column {' and no column '.join(map(repr, missing))}.")
        if not np.isfinite(history["loss"]).any():
            raise ValueError("The history holds no epoch with a finite loss; there is nothing to plot.")
        self.history, self.loss_name = history, loss_name

    @classmethod
    def from_estimator(cls, model: Any, *, ax: "Axes | None" = None) -> Self:
        """Draw the loss curve of a fitted estimator.

        Parameters
        ----------
        model : GRURegressor, GRUClassifier or GRUForecaster
            Fitted.
        ax : matplotlib Axes, default=None
            Where to draw; None: the axes of a new figure.

        Returns
        -------
        LossCurveDisplay

        Raises
        ------
        ImportError
            Without matplotlib.
        sklearn.exceptions.NotFittedError
            Where ``model`` was not fitted.
        TypeError
            Where ``model`` is none of these.
        """
        one_model(model, FittedNetwork)
        loss = "quantile" if getattr(model, "quantiles", None) is not None else getattr(model, "loss", "")
        name = LOSS_NAMES.get(loss, "loss")
        scaled = name != "loss" and model.standardize and model.loss != "poisson"
        return cls(model.history_, loss_name=f"{name} (y standardised)" if scaled else name).plot(ax)

    def plot(self, ax: "Axes | None" = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None: the axes of a new figure. The y axis is logarithmic unless a loss is zero or negative, as
            that of ``loss="poisson"`` may be.

        Returns
        -------
        self
        """
        ax = axes_or_new(ax)
        history, watched, watched_name = self.history, "loss", "training"
        (self.training_line_,) = ax.plot(history["epoch"], history["loss"], label="training", **SOLID)
        self.validation_line_, columns = None, ["loss"]
        if "validation_loss" in history and history["validation_loss"].notna().any():
            watched, watched_name, columns = "validation_loss", "validation", ["loss", "validation_loss"]
            (self.validation_line_,) = ax.plot(history["epoch"], history[watched], label=watched_name, **DASHED)
        best = int(history[watched].argmin())
        epoch, lowest = int(history["epoch"].iloc[best]), history[watched].iloc[best]
        label = f"lowest {watched_name} loss (epoch {epoch})"
        (self.lowest_mark_,) = ax.plot([epoch], [lowest], label=label, **MARK)
        if (history[columns].min() > 0).all():
            log_scale_of_losses(ax)
        whole_steps(ax)
        ax.set(title="Loss while training", xlabel="Epoch", ylabel=f"Mean {self.loss_name}")
        ax.legend()
        self.ax_, self.figure_ = ax, ax.figure
        return self

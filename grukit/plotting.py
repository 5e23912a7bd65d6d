"""Two plots of a fitted model: its loss curve, and its predictions beside the truth.

matplotlib is needed for these only; ``pip install "grukit[plot]"`` brings it.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's black, blue and vermilion, which colour-blind readers tell apart. Line styles and widths differ as well,
# so that a black and white print can be read.
_SOLID: dict[str, Any] = {"color": "black", "linestyle": "-", "linewidth": 1.0}
_DASHED: dict[str, Any] = {"color": "#0072B2", "linestyle": (0, (6, 0.8)), "linewidth": 1.6}
_MARK: dict[str, Any] = {"color": "#D55E00", "linestyle": "", "marker": "o", "markersize": 7}


def require_matplotlib() -> None:
    """Raise where matplotlib cannot be imported.

    Raises
    ------
    ImportError
        Naming the extra of grukit that brings matplotlib.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError('Plots need matplotlib, which is not installed: pip install "grukit[plot]"') from error


def plot_loss(model_or_history: Any, ax: "Axes | None" = None) -> "Axes":
    """Plot the training and, where there is one, the validation loss of each epoch.

    Parameters
    ----------
    model_or_history : fitted estimator, or DataFrame
        An estimator of grukit, or its ``history_``: columns ``epoch``, ``loss`` and ``validation_loss`` (NaN or left out
        where nothing was held out), one row an epoch.
    ax : matplotlib Axes, default=None
        Where to draw; None: the axes of a new figure.

    Returns
    -------
    matplotlib Axes
        With the lowest validation loss marked, or the lowest training loss where nothing was held out. The y axis is
        logarithmic unless a loss is zero or negative, as that of ``loss="poisson"`` may be.

    Raises
    ------
    ImportError
        Without matplotlib.
    TypeError
        For anything but an estimator with a history or a DataFrame.
    ValueError
        For a history with a column missing, or without an epoch.
    sklearn.exceptions.NotFittedError
        For an estimator that was not fitted.
    """
    require_matplotlib()
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

    history = _history_of(model_or_history)
    losses = {"loss": ("training", _SOLID)}
    if "validation_loss" in history and history["validation_loss"].notna().any():
        losses["validation_loss"] = ("validation", _DASHED)
    ax = _axes(ax)
    for column, (label, style) in losses.items():
        ax.plot(history["epoch"], history[column], label=label, **style)
    watched = list(losses)[-1]
    best = int(history[watched].argmin())
    epoch = int(history["epoch"].iloc[best])
    lowest = f"lowest {losses[watched][0]} loss (epoch {epoch})"
    ax.plot([epoch], [history[watched].iloc[best]], label=lowest, **_MARK)
    if (history[list(losses)].min() > 0).all():
        ax.set_yscale("log")
        # Losses seldom span decades: 0.2 and 0.5 are labelled too, and as such rather than as powers of ten.
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter("{x:g}")
        ax.yaxis.set_minor_formatter(NullFormatter())
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set(xlabel="Epoch", ylabel="Mean loss")
    ax.legend()
    return ax


def plot_forecast(
    truth: pd.Series, predictions: pd.Series, ax: "Axes | None" = None, unit: str | None = None
) -> "Axes":
    """Plot predictions beside what came true.

    Parameters
    ----------
    truth : Series of shape (n,)
        Its name is the label of the y axis.
    predictions : Series of shape (n,)
        On the same index. Its name is the line's label in the legend.
    ax : matplotlib Axes, default=None
        Where to draw; None: the axes of a new figure.
    unit : str, default=None
        Unit of both, for the label of the y axis.

    Returns
    -------
    matplotlib Axes
        With two lines, the truth first.

    Raises
    ------
    ImportError
        Without matplotlib.
    TypeError
        Where either is not a Series.
    ValueError
        Where they have different indexes.
    """
    require_matplotlib()
    for name, series in (("truth", truth), ("predictions", predictions)):
        if not isinstance(series, pd.Series):
            raise TypeError(f"{name} must be a pandas Series; got {type(series).__name__}.")
    if not truth.index.equals(predictions.index):
        raise ValueError(
            f"truth and predictions have different indexes, of {len(truth)} and {len(predictions)} rows. "
            "Align them first, for instance with truth.reindex(predictions.index)."
        )
    index = truth.index.to_timestamp() if isinstance(truth.index, pd.PeriodIndex) else truth.index
    ax = _axes(ax)
    ax.plot(index, truth, label="truth", **_SOLID)
    ax.plot(index, predictions, label="prediction" if predictions.name is None else str(predictions.name), **_DASHED)
    quantity = "Value" if truth.name is None else str(truth.name)
    ax.set(
        xlabel="Time" if index.name is None else str(index.name).capitalize(),
        ylabel=quantity if unit is None else f"{quantity} ({unit})",
    )
    ax.margins(y=0.12)  # room for the legend
    ax.legend(ncols=2)
    return ax


def _axes(ax: "Axes | None") -> "Axes":
    if ax is not None:
        return ax
    from matplotlib import pyplot

    return pyplot.subplots(layout="constrained")[1]


def _history_of(model_or_history: Any) -> pd.DataFrame:
    """The history, or the errors that :func:`plot_loss` names."""
    if isinstance(model_or_history, pd.DataFrame):
        history = model_or_history
    elif hasattr(model_or_history, "fit"):
        check_is_fitted(model_or_history, "history_")
        history = model_or_history.history_
    else:
        raise TypeError(f"Give a fitted estimator or its history_; got {type(model_or_history).__name__}.")
    missing = [column for column in ("epoch", "loss") if column not in history]
    if missing:
        raise ValueError(f"The history has no column {' and no column '.join(map(repr, missing))}.")
    if not np.isfinite(history["loss"]).any():
        raise ValueError("The history holds no epoch with a finite loss; there is nothing to plot.")
    return history

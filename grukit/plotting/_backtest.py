"""Errors of forecasts by how far ahead they are."""

from typing import TYPE_CHECKING, Any, Self

import pandas as pd

from grukit.metrics import score_forecasts
from grukit.plotting._common import DASHED, SOLID, axes_or_new, require_matplotlib, whole_steps

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAMES = {"coverage": "Coverage", "width": "Width", "interval score": "Interval score", "pinball": "Pinball loss"}
IN_UNITS = ("MAE", "RMSE", "width", "interval score", "pinball")  # of the series


class BacktestDisplay:
    """Errors of forecasts at each step ahead, beside those of the seasonal naive forecast.

    Parameters
    ----------
    scores : DataFrame
        Of ``grukit.metrics.score_forecasts(..., by="step")``: a row for each step and forecast.
    score : str, default="MASE"
        The column that is drawn.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes, Figure
        Where it was drawn.
    model_line_, naive_line_ : matplotlib Line2D
        The two lines.

    Raises
    ------
    TypeError
        Where ``scores`` is no such DataFrame.
    ValueError
        Where it has no such column.
    """

    def __init__(self, scores: pd.DataFrame, *, score: str = "MASE"):
        if not isinstance(scores, pd.DataFrame) or list(scores.index.names) != ["step", "forecast"]:
            raise TypeError('Give a DataFrame from grukit.metrics.score_forecasts(..., by="step").')
        if score not in scores:
            raise ValueError(f"score must be one of the columns {list(scores.columns)}; got {score!r}.")
        self.scores, self.score = scores, score

    @classmethod
    def from_forecasts(
        cls,
        forecasts: pd.DataFrame,
        y: Any,
        *,
        score: str = "MASE",
        season: int | None = None,
        coverage: float | None = None,
        unit: str | None = None,
        ax: "Axes | None" = None,
    ) -> Self:
        """Judge the forecasts of a backtest and draw their errors.

        Parameters
        ----------
        forecasts, y, season, coverage
            As in ``grukit.metrics.score_forecasts``.
        score : str, default="MASE"
            The column of its scores that is drawn; "coverage", "width" and "interval score" need ``coverage``.
        unit : str, default=None
            Unit of y, for the label of a score that has it.
        ax : matplotlib Axes, default=None
            Where to draw; None: the axes of a new figure.

        Returns
        -------
        BacktestDisplay

        Raises
        ------
        ImportError
            Without matplotlib.
        ValueError
            For what ``score_forecasts`` refuses, or a score that it does not give.
        """
        require_matplotlib()
        scores = score_forecasts(forecasts, y, by="step", season=season, coverage=coverage)
        return cls(scores, score=score).plot(ax, unit=unit, coverage=coverage)

    def plot(self, ax: "Axes | None" = None, *, unit: str | None = None, coverage: float | None = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None: the axes of a new figure.
        unit : str, default=None
            Unit of the series, for the label of a score that has it.
        coverage : float, default=None
            How often the truth is to be inside; drawn where the score is "coverage".

        Returns
        -------
        self
        """
        ax = axes_or_new(ax)
        from matplotlib.ticker import PercentFormatter

        model, naive = (self.scores[self.score].xs(name, level="forecast") for name in ("model", "seasonal naive"))
        marked: dict[str, Any] = {"marker": "o", "markersize": 3.5} if len(model) < 50 else {}
        (self.naive_line_,) = ax.plot(naive.index, naive, label="seasonal naive", **SOLID, **marked)
        (self.model_line_,) = ax.plot(model.index, model, label="model", **DASHED, **marked)
        if self.score == "coverage":
            ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
            if coverage is not None:
                ax.axhline(coverage, color="0.45", linestyle=":", linewidth=1.0, label=f"{coverage:.0%}")
        ax.margins(y=0.25)  # room for the legend
        if self.score != "coverage":
            ax.set_ylim(bottom=0.0)  # so that a difference looks as large as it is
        whole_steps(ax)
        name = NAMES.get(self.score, self.score)
        has_unit = unit is not None and self.score in IN_UNITS
        ax.set(title=f"{name} by step", xlabel="Steps ahead", ylabel=f"{name} ({unit})" if has_unit else name)
        ax.legend(ncols=3)
        self.ax_, self.figure_ = ax, ax.figure
        return self

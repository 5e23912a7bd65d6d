"""What predictions depend on, by lag."""

from typing import TYPE_CHECKING, Any, Self

import pandas as pd

from grukit.inspection import saliency
from grukit.plotting._common import axes_or_new, line_style, require_matplotlib, whole_steps

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_LINES = 6


class SaliencyDisplay:
    """How much predictions depend on each input, by lag, a line an input.

    Parameters
    ----------
    saliency : DataFrame
        From :func:`grukit.inspection.saliency`. Its absolute values are averaged over predictions.
    quantity : str, default="saliency"
        What its numbers are, for the label of the y axis.

    Attributes
    ----------
    profile : DataFrame
        What is drawn: one row a lag, one column an input, those with the largest sums first, six at most.
    ax_, figure_ : matplotlib Axes, Figure
        Where it was drawn.
    lines_ : list of matplotlib Line2D
        One for each column of ``profile``.

    Raises
    ------
    TypeError
        For another kind of frame.
    """

    def __init__(self, saliency: pd.DataFrame, *, quantity: str = "saliency"):
        if not isinstance(saliency, pd.DataFrame) or saliency.index.nlevels < 2:
            raise TypeError(
                "saliency must be a DataFrame from grukit.inspection.saliency, on an index of steps or lags."
            )
        self.saliency, self.quantity = saliency, quantity
        if saliency.index.names[-1] == "lag":
            lags = saliency.index.get_level_values("lag").to_numpy()
        else:  # steps of sequences, counted from the end
            sequences = saliency.groupby(level=list(range(saliency.index.nlevels - 1)), sort=False)
            lags = sequences.cumcount(ascending=False).to_numpy()
        mean = saliency.abs().groupby(lags).mean().rename_axis("lag")
        largest = mean.sum().to_numpy().argsort(kind="stable")[::-1][:MAX_LINES]
        self.profile = mean.iloc[:, largest]

    @classmethod
    def from_estimator(
        cls,
        model: Any,
        X: Any,
        method: str = "integrated",
        *,
        unit: str | None = None,
        ax: "Axes | None" = None,
        **options: Any,
    ) -> Self:
        """Compute the saliency of the predictions on X and draw it.

        Parameters
        ----------
        model, X
            As in :func:`grukit.inspection.saliency`.
        method : {"integrated", "gradient"}, default="integrated"
            As there. Integrated gradients of inputs in different units have one unit, that of the prediction, so that their
            lines can be compared.
        unit : str, default=None
            Unit of the prediction, for the label of the y axis.
        ax
            As in :meth:`plot`.
        **options
            Passed on to :func:`grukit.inspection.saliency`.

        Returns
        -------
        SaliencyDisplay

        Raises
        ------
        ImportError
            Without matplotlib.
        TypeError, ValueError, sklearn.exceptions.NotFittedError
            As :func:`grukit.inspection.saliency`.
        """
        require_matplotlib()
        found = saliency(model, X, method, **options)
        own = "unit of y" if unit is None else unit
        quantity = f"|gradient| ({own} / unit of the input)" if method == "gradient" else f"|contribution| ({own})"
        return cls(found, quantity=quantity).plot(ax)

    def plot(self, ax: "Axes | None" = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None: the axes of a new figure.

        Returns
        -------
        self
        """
        ax = axes_or_new(ax)
        self.lines_ = []
        for position, name in enumerate(self.profile):
            style = line_style(position)
            self.lines_ += ax.plot(self.profile.index, self.profile.iloc[:, position], label=str(name), **style)
        whole_steps(ax)
        ax.set(
            title="What predictions depend on",
            xlabel="Lag (steps before the prediction)",
            ylabel=f"Mean {self.quantity}",
        )
        ax.set_ylim(bottom=0)
        shown, n_inputs = self.profile.shape[1], self.saliency.shape[1]
        ax.legend(title="input" if shown == n_inputs else f"{shown} of {n_inputs} inputs, the largest")
        self.ax_, self.figure_ = ax, ax.figure
        return self

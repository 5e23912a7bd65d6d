"""The gradient at the states, by their distance from the end."""

from typing import TYPE_CHECKING, Any, Self

import pandas as pd

from grukit.inspection import gradient_flow
from grukit.plotting._common import axes_or_new, check_frame, line_style, require_matplotlib, whole_steps

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class GradientFlowDisplay:
    """Norm of the gradient that reaches the states, by their distance from the end, a line a layer.

    Drawn on axes that have lines already, it takes other line styles, so that models can be compared:
    ``display = GradientFlowDisplay.from_estimator(one, X, y, name="one")``, then
    ``GradientFlowDisplay.from_estimator(other, X, y, name="other", ax=display.ax_)``.

    Parameters
    ----------
    flow : DataFrame
        From :func:`grukit.inspection.gradient_flow`.
    name : str, default=None
        The model's, for the legend.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes, Figure
        Where it was drawn.
    lines_ : list of matplotlib Line2D
        One a layer.

    Raises
    ------
    TypeError
        For another kind of frame.
    """

    def __init__(self, flow: pd.DataFrame, *, name: str | None = None):
        check_frame(flow, "gradient_flow", ["layer"])
        self.flow, self.name = flow, name

    @classmethod
    def from_estimator(
        cls, model: Any, X: Any, y: Any, *, name: str | None = None, context: Any = "auto", ax: "Axes | None" = None
    ) -> Self:
        """Compute the gradient flow and draw it.

        Parameters
        ----------
        model, X, y, context
            As in :func:`grukit.inspection.gradient_flow`.
        name : str, default=None
            The model's, for the legend.
        ax
            As in :meth:`plot`.

        Returns
        -------
        GradientFlowDisplay

        Raises
        ------
        ImportError
            Without matplotlib.
        TypeError, ValueError, sklearn.exceptions.NotFittedError
            As :func:`grukit.inspection.gradient_flow`.
        """
        require_matplotlib()
        return cls(gradient_flow(model, X, y, context), name=name).plot(ax)

    def plot(self, ax: "Axes | None" = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None: the axes of a new figure. The y axis is logarithmic unless every norm is zero.

        Returns
        -------
        self
        """
        ax = axes_or_new(ax)
        self.lines_ = []
        for layer in self.flow:
            name = f"layer {layer}" if self.name is None else f"{self.name}, layer {layer}"
            style = line_style(len(ax.get_lines()))
            self.lines_ += ax.plot(self.flow.index, self.flow[layer], label=name, **style)
        if (self.flow > 0).any(axis=None):
            ax.set_yscale("log")
        whole_steps(ax)
        ax.set(
            title="Gradient that reaches the states",
            xlabel="Distance from the end (steps)",
            ylabel=r"Mean norm of $\partial\,\mathrm{loss}\,/\,\partial h_t$",
        )
        ax.legend()
        self.ax_, self.figure_ = ax, ax.figure
        return self

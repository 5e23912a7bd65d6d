"""Gates and states over time, unit by unit."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from grukit.inspection import gates as compute_gates
from grukit.plotting._common import (
    axis_of,
    check_frame,
    concise_dates,
    edges_around,
    one_series,
    require_matplotlib,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TITLES = {"reset": "Reset gate", "update": "Update gate", "candidate": "Candidate", "state": "State"}
FROM_ZERO = ("reset", "update", "output")  # these lie in 0..1, the others in -1..1


class GateDisplay:
    """Gates, candidate and state of one layer: a row a unit, time along the x axis, values as shades.

    Parameters
    ----------
    gates : DataFrame
        From :func:`grukit.inspection.gates`.
    layer : int, default=0
        Which layer.
    series : label or tuple, default=None
        Series of a panel, or number of a sequence; None: the only one.
    names : sequence of str, default=None
        Which of "reset", "update", "candidate" and "state"; None: all.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        One for each of ``names``.
    figure_ : matplotlib Figure
        Where it was drawn.
    images_ : list of matplotlib QuadMesh
        The shades.

    Raises
    ------
    TypeError
        For another kind of frame.
    ValueError
        For a layer, series or name that is not there.
    """

    def __init__(self, gates: pd.DataFrame, *, layer: int = 0, series: Any = None, names: Sequence[str] | None = None):
        check_frame(gates, "gates", ["layer", "gate", "unit"])
        layers = gates.columns.unique("layer")
        if layer not in layers:
            raise ValueError(f"layer must be one of {list(layers)}; got {layer!r}.")
        known = list(gates[layer].columns.unique("gate"))
        self.names = known if names is None else list(names)
        if not self.names or not set(self.names) <= set(known):
            raise ValueError(f"names must be some of {known}; got {names!r}.")
        self.gates, self.layer, self.series = one_series(gates[layer], series), layer, series

    @classmethod
    def from_estimator(
        cls,
        model: Any,
        X: Any,
        *,
        layer: int = 0,
        series: Any = None,
        names: Sequence[str] | None = None,
        context: Any = "auto",
        ax: Any = None,
    ) -> Self:
        """Compute the gates on X and draw them.

        Parameters
        ----------
        model, X, context
            As in :func:`grukit.inspection.gates`.
        layer, series, names
            As in :class:`GateDisplay`.
        ax
            As in :meth:`plot`.

        Returns
        -------
        GateDisplay

        Raises
        ------
        ImportError
            Without matplotlib.
        TypeError, ValueError, sklearn.exceptions.NotFittedError
            As :func:`grukit.inspection.gates` and :class:`GateDisplay`.
        """
        require_matplotlib()
        return cls(compute_gates(model, X, context), layer=layer, series=series, names=names).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, or array of them, default=None
            Where to draw: as many axes as ``names``. None: the axes of a new figure, one above the other.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For another number of axes.
        """
        require_matplotlib()
        if ax is None:
            from matplotlib import pyplot

            n = len(self.names)
            size = (6.4, 1.2 + 1.7 * n)
            _, ax = pyplot.subplots(n, 1, sharex=True, squeeze=False, figsize=size, layout="constrained")
        self.axes_ = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
        if len(self.axes_) != len(self.names):
            raise ValueError(f"{len(self.names)} axes are needed, for {', '.join(self.names)}; got {len(self.axes_)}.")
        self.figure_ = self.axes_[0].figure
        self.images_ = [self._panel(*pair) for pair in zip(self.axes_, self.names, strict=True)]
        self.axes_[-1].set_xlabel(axis_of(self.gates.index)[1])
        return self

    def _panel(self, ax: "Axes", name: str) -> Any:
        from matplotlib.ticker import MaxNLocator

        values = self.gates[name].to_numpy().T
        times, _ = axis_of(self.gates.index)
        ax.xaxis.update_units(times)
        across, up = edges_around(np.asarray(ax.convert_xunits(times), dtype=float)), np.arange(len(values) + 1) - 0.5
        limit = max(1.0, float(np.abs(values).max()))
        lowest = 0.0 if name in FROM_ZERO else -limit
        # Cividis grows evenly in lightness, so that it prints.
        image = ax.pcolormesh(across, up, values, cmap="cividis", vmin=lowest, vmax=limit, rasterized=True)
        concise_dates(ax)
        ax.figure.colorbar(image, ax=ax, pad=0.02)
        ax.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=5, min_n_ticks=1))
        title = f"{TITLES.get(name, name.capitalize())}, layer {self.layer}"
        ax.set(title=title if self.series is None else f"{title}, series {self.series}", ylabel="Unit")
        return image

"""What is known of each series, beside its rows: read in ``fit``, and of series that come later."""

from typing import TYPE_CHECKING, Any

import numpy as np

from grukit.data import Observed, fit_static, read_static, widened
from grukit.engines import select_engine
from grukit.estimators._forecast import ForecastState, tables_of

if TYPE_CHECKING:
    from grukit.estimators.forecaster import GRUForecaster


def with_static(
    model: "GRUForecaster", observed: Observed, static: Any, before: ForecastState | None, lasting: bool = False
) -> Observed:
    """Series with what is known of each.

    Parameters
    ----------
    observed : Observed
        Read without it.
    before : ForecastState or None
        Whose columns and series are known; None: ``static`` says what there is.
    lasting : bool, default=False
        Whether known series go on, of which nothing else may be told.

    Raises
    ------
    TypeError, ValueError
        For what is wrong with ``static``, naming series and column.
    """
    keys, known = observed.series.keys, {}
    if before is None:
        columns = fit_static(static, keys, model.standardize)
        if columns and model.channels == "joint":
            raise ValueError(
                "static tells series apart, of which channels='joint' reads and forecasts all at once. Leave it out, or use "
                "channels='shared'."
            )
        for column in (each for each in columns if each.width):
            n, lacks = len(column.center), "the GPU's kernels learn no numbers of categories, as for the"
            select_engine(model.device, lacks=f"{lacks} {n} in the column {column.name!r} of static")
    else:
        columns = before.columns.static
        known = dict(zip(before.recent.series.keys, before.recent.constants, strict=True))
    if not columns and static is None:
        return observed
    constants = read_static(static, columns, keys, known, model.handle_unknown)
    if lasting:
        for key, own in zip(keys, constants, strict=True):
            if key in known and not np.array_equal(known[key], own):
                name = "/".join(map(str, key)) or "y"
                raise ValueError(
                    f"static tells something else of series {name} than was known of it, and that never changes. Leave it "
                    "out, or fit anew."
                )
    return observed.with_constants(constants, columns)


def constants_of(state: ForecastState, key: tuple[Any, ...]) -> np.ndarray:
    """The static inputs (n,) of a series, with the numbers of its categories that are embedded.

    Raises
    ------
    ValueError
        Where they are not known any more: only earlier training had it.
    """
    recent = state.recent
    if key in recent.series.keys:
        own = recent.constants[recent.series.keys.index(key)][None]
        return widened(own, state.layout.embedded, tables_of(state.spec, state.parameters))[0]
    if state.columns.static:
        raise ValueError(f"The last fit was not told what is known of the series {key!r}. Name one that it had.")
    return np.empty(0)

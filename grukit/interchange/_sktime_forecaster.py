"""The forecaster as an estimator of sktime."""

from typing import Annotated, Any, ClassVar, Self

import numpy as np
from sktime.forecasting.base import BaseForecaster
from sktime.utils.warnings import warn

import grukit.estimators as estimators
from grukit.data import Observed
from grukit.data.panels import (
    after_ends,
    chosen_steps,
    ends_of,
    for_each_column,
    has_all,
    in_order,
    is_wide_panel,
    last_rows,
    one_column,
    quantiles_of,
    rows_apart,
    side_by_side,
    up_to_ends,
    with_rows,
)
from grukit.estimators._declare import Parameter, with_parameters_of
from grukit.estimators._forecast import forecast_state
from grukit.estimators._parameters import COUNT
from grukit.interchange._sktime import Adapter

SERIES, PANELS = "pd.DataFrame", ["pd-multiindex", "pd_multiindex_hier"]


# sktime's ``fit`` has neither ``resume`` nor ``static``: what never changes is in X, as numbers.
@with_parameters_of(estimators.GRUForecaster, without=("checkpoint", "checkpoint_every", "handle_unknown"))
class GRUForecaster(Adapter, BaseForecaster):
    """:class:`grukit.GRUForecaster` as an estimator of sktime.

    The parameters are those of :class:`grukit.GRUForecaster`; ``fit``, ``predict``, ``predict_interval``,
    ``predict_quantiles``, ``update`` and all else are sktime's. One network serves all columns of a frame and all series of a
    panel or a hierarchy; one of several columns is a panel of (column, series) to ``estimator_``. With ``channels="joint"``,
    which reads all columns of one frame, each series of a panel has a network of its own. X is known ahead: ``predict`` needs
    it at every step from the first one to the last of ``fh``.

    Intervals are those of conformal calibration, see ``calibration``. A quantile of level q that is not among ``quantiles`` is
    a bound of the interval of coverage abs(2 q - 1), that of level 0.5 the forecast. Where a fit has too few origins to
    calibrate by, and no ``quantiles``, its tag "capability:pred_int" is False.

    ``update`` goes on with new rows. With ``update_params=True`` and sktime's ``remember_data``, the network is trained anew
    on all rows up to their end, or further with ``warm_start=True``; otherwise forecasts are made from the new end.

    Examples
    --------
    >>> from grukit.datasets import load_elnino
    >>> from grukit.interchange.sktime import GRUForecaster
    >>> sst = load_elnino()["sst"]
    >>> model = GRUForecaster(hidden_layer_sizes=8, window=24, max_iter=10, random_state=0)
    >>> forecast = model.fit(sst, fh=[1, 6, 12]).predict()
    >>> forecast.index.strftime("%Y-%m").tolist()
    ['2011-01', '2011-06', '2011-12']
    """

    horizon: Annotated[
        int | None,
        Parameter(
            COUNT,
            None,
            text="""Steps ahead that are learned; ``fh`` is then needed in ``predict`` only. None: as many as the ``fh`` that
            ``fit`` is given.""",
        ),
    ] = None
    warm_start: Annotated[
        bool,
        Parameter("boolean", text="Let ``update`` go on from the weights, moments and scaling of the last training."),
    ] = False

    _tags: ClassVar[dict[str, Any]] = {
        "authors": "grukit",
        "maintainers": "grukit",
        "y_inner_mtype": [SERIES, *PANELS],
        "X_inner_mtype": [SERIES, *PANELS],
        "capability:multivariate": True,
        "capability:exogenous": True,
        "capability:non_contiguous_X": False,
        "capability:categorical_in_X": False,
        "capability:missing_values": True,
        "capability:unequal_length": True,
        "capability:insample": False,
        "capability:pred_int": True,
        "capability:pred_int:insample": False,
        "capability:update": True,
        "capability:multithreading": True,
        "capability:random_state": True,
        "property:randomness": "derandomized",
        "requires-fh-in-fit": True,
    }

    def _tags_of_parameters(self) -> dict[str, Any]:
        """Tags that depend on parameters."""
        joint = {"y_inner_mtype": SERIES, "X_inner_mtype": SERIES} if self.channels == "joint" else {}
        return {**super()._tags_of_parameters(), "requires-fh-in-fit": self.horizon is None, **joint}

    def _fit(self, y: Any, X: Any, fh: Any) -> Self:
        """Learn from series."""
        y = in_order(y)
        self._recent, self._apart = (last_rows(y, self.window), None), rows_apart(y.index)
        horizon = self.horizon if self.horizon is not None else _furthest(self._steps(fh))
        self._fitted = estimators.GRUForecaster(**{**self.get_params(deep=False), "horizon": horizon})
        return self._learn(y, X)

    def _learn(self, y: Any, X: Any) -> Self:
        self._fitted.fit(*self._arguments(y, X))
        state, recent = forecast_state(self._fitted), last_rows(y, self.window)
        self.set_tags(**{"capability:pred_int": state.scores is not None or bool(state.quantiles)})
        # The last rows, whether the estimator ends with them, so that it needs no context.
        self._recent, self._ends_there = (recent, _rows_at(recent, X)), True
        return self

    def _predict(self, fh: Any, X: Any) -> Any:
        """Forecasts at ``fh``."""
        steps = self._steps(fh)
        ahead = self._fitted.predict(**self._known(X), horizon=_furthest(steps))
        return chosen_steps(self._labelled(ahead, self._recent[0].columns), steps)

    def _predict_interval(self, fh: Any, X: Any, coverage: list[float]) -> Any:
        """Intervals at ``fh``."""
        steps = self._steps_of_fit(fh)
        bounds = self._fitted.predict_interval(coverage, **self._known(X))
        return chosen_steps(self._labelled(bounds, self._get_columns("predict_interval", coverage=coverage)), steps)

    def _predict_quantiles(self, fh: Any, X: Any, alpha: list[float]) -> Any:
        """Quantiles at ``fh``: those that were trained, otherwise bounds of intervals."""
        own = [level for level in alpha if round(level, 12) in forecast_state(self._fitted).quantiles]
        coverages = sorted({abs(2 * level - 1) for level in alpha if level not in own and level != 0.5})
        trained, intervals = None, self._predict_interval(fh, X, coverages) if coverages else None
        if own:
            steps, columns = self._steps_of_fit(fh), self._get_columns("predict_quantiles", alpha=own)
            trained = self._fitted.predict_quantiles(own, **self._known(X))
            trained = chosen_steps(self._labelled(trained, columns), steps)
        columns = self._get_columns("predict_quantiles", alpha=alpha)
        return quantiles_of(self._predict(fh, X), trained, intervals, alpha, columns)

    def _update(self, y: Any, X: Any = None, update_params: bool = True) -> Self:
        """Let rows follow, and train where that is asked for."""
        known, known_X = self._recent
        X = _both(known_X, X)
        if update_params and self.get_config()["remember_data"]:
            return self._learn(in_order(up_to_ends(self._y, y.index)), self._X)
        if update_params:
            warn(
                "Nothing was trained: with the config remember_data=False, update has no rows but its own. Forecasts are made "
                "from their end.",
                obj=self,
            )
        rows = up_to_ends(with_rows(known, y), y.index)
        recent = last_rows(rows, self.window)
        as_known = has_all(rows, known) and (known_X is None or has_all(X, known_X))
        follows = self._ends_there and as_known and self.missing == "error"
        if follows and len(new := after_ends(rows, known.index)):
            self._fitted.update(*self._arguments(new, X))
        elif not follows:  # other values, an earlier end, or rows that may be missing
            self._check(*self._arguments(recent, _rows_at(recent, X)))
        self._recent, self._ends_there = (recent, _rows_at(recent, X)), follows
        return self

    def _check(self, y: Any, X: Any) -> None:
        """Raise for rows that have gaps, and for covariates that are not there."""
        state = forecast_state(self._fitted)
        allow_nan, known = state.inputs.missing != "error", (state.grid, state.columns)
        Observed.read(y, X, None, None, allow_nan, known, zone=state.recent.series.zone)

    def _vectorize(self, methodname: str, **kwargs: Any) -> Any:
        """One forecaster for each series: intervals are there where all have them."""
        result = super()._vectorize(methodname, **kwargs)
        if methodname in ("fit", "update"):
            each = self.forecasters_.to_numpy().ravel()
            self.set_tags(**{"capability:pred_int": all(one.get_tag("capability:pred_int") for one in each)})
        return result

    def _steps(self, fh: Any) -> list[np.ndarray]:
        """The steps ahead of each series' own end; a relative ``fh`` is as far from each of them."""
        ends = ends_of(self._recent[0].index)
        found = {end[0]: self._ahead_of(end, fh) for end in {each[0]: each for each in ends}.values()}
        return [found[end[0]] for end in ends]

    def _ahead_of(self, end: Any, fh: Any) -> np.ndarray:
        """Steps from a series' end, an index of one entry, to those of ``fh``."""
        relative = fh.to_relative(end)
        if relative.to_pandas().dtype.kind == "m":  # time deltas
            relative = fh.to_absolute(end).to_relative(end)
        units = relative.to_pandas().to_numpy(dtype=np.int64)
        steps, between = np.divmod(units, self._apart)
        if between.any():
            raise ValueError(f"fh={units.tolist()} lies between the rows of y, which are {self._apart} apart.")
        return steps

    def _steps_of_fit(self, fh: Any) -> list[np.ndarray]:
        """As :meth:`_steps`, where none is beyond those of ``fit``."""
        steps, horizon = self._steps(fh), forecast_state(self._fitted).steps
        if _furthest(steps) > horizon:
            raise ValueError(
                f"Intervals reach as far as fit did, {horizon} steps; fh is {_furthest(steps)} steps ahead."
            )
        return steps

    def _known(self, X: Any) -> dict[str, Any]:
        """What the estimator forecasts from: its own end, or that of the last rows."""
        recent, known = self._recent
        if self._ends_there:
            return {"X": self._arguments(recent, X)[1]}
        context, X = self._arguments(recent, _both(known, X))
        return {"X": X, "context": context}

    def _arguments(self, y: Any, X: Any) -> tuple[Any, Any]:
        """Series and covariates as the estimator takes them, a panel as one of a single column."""
        if not is_wide_panel(y):
            return y, X
        return one_column(y), None if X is None else for_each_column(X, y.columns)

    def _labelled(self, forecast: Any, columns: Any) -> Any:
        """What the estimator forecast, with the columns that sktime wants."""
        recent = self._recent[0]
        if is_wide_panel(recent):
            return side_by_side(forecast, recent.shape[1], columns)
        return forecast.set_axis(columns, axis=1)

    @classmethod
    def get_test_params(cls, parameter_set: str = "default") -> list[dict[str, Any]]:
        """Parameters for sktime's checks: of networks that are trained in milliseconds."""
        small = {"hidden_layer_sizes": 2, "window": 4, "max_iter": 2, "n_jobs": None, "random_state": 0}
        split = {**small, "calibration": "split"}
        return [small, {**split, "strategy": "recursive", "normalize": "last"}, {**split, "channels": "joint"}]


def _furthest(steps: list[np.ndarray]) -> int:
    return max(int(each.max()) for each in steps)


def _both(known: Any, new: Any) -> Any:
    """The rows of both, if there are any."""
    if known is not None and new is not None and list(new.columns) != list(known.columns):
        raise ValueError(f"X must have the columns {list(known.columns)}, as in fit; got {list(new.columns)}.")
    return new if known is None else known if new is None else with_rows(known, new)


def _rows_at(y: Any, X: Any) -> Any:
    """The rows of covariates at those of series."""
    return None if X is None else X[X.index.isin(y.index)]

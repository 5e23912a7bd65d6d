"""Regression on time series and sequences."""

from dataclasses import KW_ONLY
from numbers import Integral
from typing import Annotated, Any, Self

import numpy as np
from sklearn.base import RegressorMixin, _fit_context
from sklearn.metrics import r2_score
from sklearn.utils import Tags

from grukit.data import Classes, FittedLinear, Samples, Scaler, to_output
from grukit.estimators._base import RecurrentEstimator
from grukit.estimators._choices import choose_linear
from grukit.estimators._declare import Choice, Number, Parameter, with_parameters
from grukit.estimators._linear_attributes import FittedAnchors, FittedLinearPart
from grukit.estimators._parameters import AMOUNT, POSITIVE, SHARE
from grukit.estimators._weights import weigh_known, weights_of_targets
from grukit.estimators.fitted import FittedState
from grukit.estimators.inputs import InputForm, Work
from grukit.estimators.targets import Objective, Targets, check_same_kind, read_numbers
from grukit.train import REGRESSION_LOSSES


@with_parameters
class GRURegressor(RegressorMixin, FittedAnchors, FittedLinearPart, RecurrentEstimator):
    """Gated recurrent units for regression on time series and sequences.

    Stacked GRU layers and a linear head, trained by back-propagation through time. X is a table whose rows are
    consecutive time steps (each prediction sees the last ``window`` rows), a panel of such tables, or a set of sequences.

    References
    ----------
    Cho et al. (2014), Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine Translation.
    Hoerl and Kennard (1970), Ridge Regression: Biased Estimation for Nonorthogonal Problems.
    Breiman (1996), Stacked Regressions.
    Huber (1964), Robust Estimation of a Location Parameter.
    Koenker and Bassett (1978), Regression Quantiles.

    Examples
    --------
    >>> from grukit import GRURegressor
    >>> from grukit.datasets import load_nile
    >>> volume = load_nile()["volume"]
    >>> X, y = volume.to_frame().iloc[:-1], volume.shift(-1).iloc[:-1].rename("next year")
    >>> model = GRURegressor(hidden_layer_sizes=8, window=10, max_iter=20, random_state=0).fit(X[:80], y[:80])
    >>> model.predict(X[80:]).index[0]
    Timestamp('1951-01-01 00:00:00')
    """

    _chosen_by = ("anchor", "linear_lags", "difference")
    _open_to_alone = ("anchor", "linear_lags", "alpha", "learning_rate_init")

    _: KW_ONLY
    # Chosen on parts of series before the test blocks of benchmarks/accuracy/defaults.py, and on generated series of other
    # kinds. On 16 of 800 to 3,200 rows, half the rate and two thirds of the epochs and patience had 5 % more error.
    max_iter = 150
    n_iter_no_change = 30
    alpha: Annotated[
        float | str,
        Parameter(
            AMOUNT,
            Choice("auto"),
            text="""L2 penalty on the weights, not the biases: alpha / 2 * sum of squares, divided by the batch's total
            weight. For "adamw", the decoupled weight decay. "auto": 0; 0.01 of a network that was chosen to be alone, see
            ``learning_rate_init``, but not of one for which ``anchor=None, linear_lags=0`` was asked.""",
        ),
    ] = "auto"  # type: ignore[assignment]  # numbers in the base
    learning_rate_init: Annotated[
        float | str,
        Parameter(
            POSITIVE,
            Choice("auto"),
            text="""Initial learning rate, the peak of the schedule. "auto": 0.002; 0.005 of a network that was chosen to be
            alone. Where ``alpha``, ``anchor`` and ``linear_lags`` are "auto", too, there is a linear part, and something is
            watched, of a table with 50 rows at least and no column that ``difference="auto"`` finds to drift, a network alone,
            without the linear part, is then trained and kept where its loss is much the better one (``alone_`` < 0.95). With
            ``anchor=None, linear_lags=0``: 0.002.""",
        ),
    ] = "auto"  # type: ignore[assignment]  # numbers in the base
    loss: Annotated[
        str,
        Parameter(
            Choice(*REGRESSION_LOSSES),
            text="""What is minimised, a mean over samples and outputs: (p - y)^2; abs(p - y); Huber's loss; the pinball loss
            of ``quantile``; exp(p) - y p, where predictions are exp(p) and y must not be negative.""",
        ),
    ] = "squared_error"
    quantile: Annotated[
        float, Parameter(SHARE, text='Quantile that ``loss="quantile"`` predicts, between 0 and 1.')
    ] = 0.5
    delta: Annotated[
        float,
        Parameter(
            POSITIVE,
            text="""Where Huber's loss turns from square to straight, in standard deviations of what the linear part leaves
            of y if ``standardize``, else in y's units.""",
        ),
    ] = 1.0
    anchor: Annotated[
        Any,
        Parameter(
            object,
            kind='column of X, "auto" or None',
            text="""y is predicted as its change from the latest value of this column. "auto": for each output the column from
            whose latest value y's change varies least, unless the linear part forecasts better without; where X is no table,
            or the linear part has no lags, if y itself varies more. Not for ``loss="poisson"``.""",
        ),
    ] = "auto"
    linear_lags: Annotated[
        int | str,
        Parameter(
            Number(Integral, 0, None, closed="left"),
            Choice("auto"),
            text="""Rows of a linear part that is added to what the network gives: ridge regressions in closed form, towards
            the anchor and towards the mean, stacked. Training of the network begins at it, and goes on with what it leaves
            of y. 0: none. "auto": the window, or as many rows as make 1024 regressors, unless the network does better alone,
            see ``learning_rate_init``.""",
        ),
    ] = "auto"

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train for one epoch on X and y, at the initial rate, without early stopping or an average of the weights.

        The first call sets the scaling and the initial weights. A frame that starts one step after the last one ended sees
        its end as history.

        Parameters
        ----------
        X, y, sample_weight
            As in :meth:`fit`.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            As :meth:`fit`, and for ``solver="lbfgs"``, which has no single epoch.
        """
        return self._fit_one_epoch(X, y, sample_weight)

    def predict(self, X: Any, context: Any = "auto") -> Any:
        """Predict one value for each row of a table, each sequence, or each step.

        Parameters
        ----------
        X : as in ``fit``
            Rows to predict.
        context : "auto", None or table, default="auto"
            History before the first rows of a table. "auto": where X is a frame that starts one step after the training
            frame ended (for a panel: each series that does), the training tail. A table of earlier rows: those. None: none.
            A frame that starts later than that step has no history under "auto": its first rows see what X holds. Give the
            rows between, with the training tail before them, as ``context``.

        Returns
        -------
        Series, DataFrame or array
            A DataFrame gives a Series named like y, or a DataFrame with y's columns, on its own index. Arrays where X is an
            array, or y was one in ``fit``. With a target at every step, a list gives a list, an array one array.

        Raises
        ------
        ValueError
            For bad input, naming the column, row or timestamp.
        sklearn.exceptions.NotFittedError
            Before ``fit``.
        """
        work = self._work(X, context)
        return to_output(self._answers(work), work.X, work.sequences, self._fitted.outputs)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Coefficient of determination R^2 of ``predict(X)``; with a target at every step, over all steps.

        Rows, or steps, with a missing target are left out where ``missing`` allows them.

        Parameters
        ----------
        X, y, sample_weight
            As in :meth:`fit`.

        Returns
        -------
        float
            1 at best; 0 for a constant prediction of the mean; a mean over outputs.

        Raises
        ------
        ValueError
            For bad input, as :meth:`predict`, a y that does not belong to X, or one with other outputs than in ``fit``.
        sklearn.exceptions.NotFittedError
            Before ``fit``.
        """
        work, state = self._work(X, "auto"), self._fitted
        targets = read_numbers(y, work)
        check_same_kind(targets, state.outputs)
        weights = weights_of_targets(sample_weight, work, state.outputs.per_step)
        truth, predictions = targets.values, self._outputs(work)
        seen = ~np.isnan(truth).any(axis=1)
        if not seen.all():
            truth, predictions = truth[seen], predictions[seen]
            weights = None if weights is None else weights[seen]
        return r2_score(truth, predictions, sample_weight=weights)

    def _read_y(self, y: Any, work: Work, before: FittedState | None, classes: Any) -> Targets:
        return read_numbers(y, work, self.loss)

    def _choose_linear(
        self, inputs: InputForm, targets: Targets, training: Samples, everything: Samples, levels: Scaler, partial: bool
    ) -> FittedLinear | None:
        """By itself where y is predicted as it is; a part of the data alone, as partial_fit has, chooses nothing."""
        link = self._objective(targets.classes).link
        auto = link == "identity" and not partial
        anchor = None if self.anchor == "auto" and not auto else self.anchor
        n_lags = 0 if self.linear_lags == "auto" and not auto else self.linear_lags
        if link != "identity" and (anchor is not None or n_lags):
            raise ValueError("anchor and linear_lags add to predictions; those of loss='poisson' are exponentials.")
        return choose_linear(anchor, n_lags, inputs, training, everything, levels)

    def _weigh(self, targets: Targets, weights: np.ndarray, work: Work) -> tuple[np.ndarray, np.ndarray]:
        return weigh_known(targets, weights, work.sequences)

    def _objective(self, classes: Classes | None) -> Objective:
        """The network predicts the target itself, standardised if asked for, or the logarithm of its mean."""
        parameter = {"huber": self.delta, "quantile": self.quantile}.get(self.loss, 0.0)
        return Objective(self.loss, parameter, "log" if self.loss == "poisson" else "identity")

    def _initial_bias(self, link: str, n_outputs: int, targets: np.ndarray, weights: np.ndarray) -> Any:
        """Start Poisson regression at the mean rate; standardised targets have the mean zero already."""
        if link != "log":
            return 0.0
        return np.log(np.maximum(Scaler.fit(targets, weights).mean, 1e-6))

    def __sklearn_tags__(self) -> Tags:
        """Tags: multi-output, 3-D input."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

"""What a fitted model shows of its linear part."""

from typing import Any

import numpy as np

from grukit.estimators.fitted import FittedState, fitted_state


class FittedLinearPart:
    """The linear part, and whether the network does without it."""

    _fitted: FittedState

    @property
    def linear_coef_(self) -> np.ndarray:
        """ndarray of shape (n_lags, n_features) or (n_lags, n_features, n_outputs): Coefficients of the linear part.

        ``linear_coef_[k, d]`` is what a unit of feature d, k rows before, adds to the prediction, of a classifier to the log
        odds, or logits; no rows where there is no linear part.
        """
        state = fitted_state(self)
        linear = state.choices.final
        coef = np.empty((0, state.n_features, state.spec.n_outputs)) if linear is None else linear.coef.copy()
        return coef[:, :, 0] if state.outputs.squeeze else coef

    @property
    def linear_alpha_(self) -> Any:
        """float or ndarray of shape (n_outputs,): Penalty of the heaviest ridge regression, on standardised lags.

        Of a classifier, that of the heaviest logistic regression, times the samples. Infinite where nothing but the anchor,
        the mean, or the shares of the classes is left of it.
        """
        state = fitted_state(self)
        return float(state.choices.alpha[0]) if state.outputs.squeeze else state.choices.alpha.copy()

    @property
    def alone_(self) -> float | None:
        """float or None: Validation loss of the network alone as a share of that beside a linear part; None: not tried.

        On four blocks in time, or parts of sequences that stand alone: the mean of the ratio of their means and of the ratio
        in the worst of them. Below 0.95 the network alone is kept. Where trials end early because it can no longer be reached,
        the share is what it is at least.
        """
        return fitted_state(self).choices.alone


class FittedAnchors:
    """What a regressor's linear part shrinks towards and leans on, and how much is added to it."""

    _fitted: FittedState

    @property
    def anchor_(self) -> Any:
        """label or None: Column from whose latest value y is predicted as a change, a list of them for several outputs."""
        state = fitted_state(self)
        found = [None if d < 0 else state.column(int(d)) for d in state.choices.anchors]
        return found[0] if state.outputs.squeeze else found

    @property
    def anchor_lag_(self) -> Any:
        """int or ndarray of shape (n_outputs,): How many rows ago the anchor's value is a part of the linear part, as it was.

        That is a seasonal naive forecast, taken alone or beside regressions. 0 where there is none.
        """
        state = fitted_state(self)
        earlier = state.choices.earlier_rows
        return int(earlier[0]) if state.outputs.squeeze else earlier.copy()

    @property
    def network_weight_(self) -> float | None:
        """float or None: How much of what the network learned is added to the linear part, from 0 to 1.

        By what it gained on four blocks of the samples that early stopping watches, or on the blocks that epochs are counted
        on: less where that is little, or differs so between the blocks that it may be chance. ``weights_`` hold it already.
        None where nothing was held out, there is no linear part or the loss is not the squared error, where the linear part
        alone is kept, once training went on, and once ``weights_`` were set.
        """
        return fitted_state(self).weight

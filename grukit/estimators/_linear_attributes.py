"""What a fitted regressor shows of its linear part."""

from typing import Any

import numpy as np

from grukit.estimators.fitted import FittedState, fitted_state


class FittedLinearPart:
    """The linear part, and whether the network does without it."""

    _fitted: FittedState

    @property
    def anchor_(self) -> Any:
        """label or None: Column from whose latest value y is predicted as a change, a list of them for several outputs."""
        state = fitted_state(self)
        found = [None if d < 0 else state.column(int(d)) for d in state.choices.anchors]
        return found[0] if state.outputs.squeeze else found

    @property
    def linear_coef_(self) -> np.ndarray:
        """ndarray of shape (n_lags, n_features) or (n_lags, n_features, n_outputs): Coefficients of the linear part.

        ``linear_coef_[k, d]`` is what a unit of feature d, k rows before, adds to the prediction; no rows where there is no
        linear part.
        """
        state = fitted_state(self)
        linear = state.choices.final
        coef = np.empty((0, state.n_features, state.spec.n_outputs)) if linear is None else linear.coef.copy()
        return coef[:, :, 0] if state.outputs.squeeze else coef

    @property
    def linear_alpha_(self) -> Any:
        """float or ndarray of shape (n_outputs,): Penalty of the heaviest ridge regression, on standardised lags.

        Infinite where nothing but the anchor or the mean is left of it.
        """
        state = fitted_state(self)
        return float(state.choices.alpha[0]) if state.outputs.squeeze else state.choices.alpha.copy()

    @property
    def alone_(self) -> float | None:
        """float or None: Loss of the network alone, without a linear part, as a share of that with one; None: not tried.

        In that of four blocks of the validation part where it is largest, or of the blocks that epochs are counted on, up to
        the first that the network alone is worse in. Below 1 it is the one that is kept.
        """
        return fitted_state(self).choices.alone

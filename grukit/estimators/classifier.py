"""Classification of time series and sequences."""

from dataclasses import KW_ONLY
from numbers import Integral
from typing import Annotated, Any, Self

import numpy as np
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.metrics import accuracy_score
from sklearn.utils import Tags

from grukit.data import (
    ALL_ALIKE,
    RAREST,
    Classes,
    FittedLinear,
    Samples,
    Scaler,
    outputs_of,
    read_labels,
    to_output,
)
from grukit.estimators._choices import choose_logistic
from grukit.estimators._declare import Choice, Number, Parameter, with_parameters
from grukit.estimators._linear_attributes import FittedLinearPart
from grukit.estimators._probabilities import ProbabilisticEstimator
from grukit.estimators._weights import weigh_labels, weights_of_targets
from grukit.estimators.fitted import FittedState
from grukit.estimators.inputs import InputForm, Work
from grukit.estimators.targets import Objective, Targets, check_kind, check_same_columns, read_classes


@with_parameters
class GRUClassifier(ClassifierMixin, FittedLinearPart, ProbabilisticEstimator):
    """Gated recurrent units for classification of time series and sequences.

    Stacked GRU layers and a linear head, trained by back-propagation through time on the log loss. X is a table whose rows
    are consecutive time steps (each prediction sees the last ``window`` rows), a panel of such tables, or a set of
    sequences, which may have a label each or a label at every step. Two classes have one output, the log odds of the
    second; more have one each, under a softmax; several labels a sample (y of zeros and ones, a column a label) are
    predicted independently, by a logistic output each, and their loss is the mean over the labels.

    References
    ----------
    Cho et al. (2014), Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine Translation.

    Examples
    --------
    >>> from grukit import GRUClassifier
    >>> from grukit.datasets import load_nile
    >>> volume = load_nile()["volume"]
    >>> X = volume.to_frame().iloc[:-1]
    >>> y = (volume.shift(-1) > volume).map({True: "rises", False: "falls"}).iloc[:-1].rename("next year")
    >>> model = GRUClassifier(hidden_layer_sizes=8, window=10, max_iter=20, random_state=0).fit(X[:80], y[:80])
    >>> model.predict_proba(X[80:]).columns.tolist()
    ['falls', 'rises']
    """

    _chosen_by = ("linear_lags", "difference")
    _open_to_alone = ("linear_lags",)
    # What a network is too sure of where a series drifts shows only after a while: on 146 pieces of 30 to 200 rows the log
    # loss was 0.665 with epochs judged on the next block alone, 0.636 on all that follows. Of 391 tasks of regressors errors
    # were alike to 0.2 %, on 70 of them 1.5 % more.
    _judges_to_the_end = True

    _: KW_ONLY
    # Chosen on draws of the sets of sequences in benchmarks/accuracy/_label_tasks.py that its suite does not show, and on the
    # directions of parts of series before its test blocks and of generated series. Without the biases of "chrono" 5 of 12 fits
    # on 36 to 50 sequences of 150 to 251 steps stayed near chance. Without the linear part and early stopping, log losses were
    # up to 3 times those of the shares of the classes, with them 1.1 times.
    alpha = 0.01
    max_iter = 100
    n_iter_no_change = 100
    weight_init = "auto"
    linear_lags: Annotated[
        int | str,
        Parameter(
            Number(Integral, 0, None, closed="left"),
            Choice("auto"),
            text="""Rows of a linear part that is added to what the network gives, before the link: logistic regressions
            with penalties, which training of the network begins at and goes on from. 0: none. "auto": the window, or as
            many rows as make 1024 regressors, fewer of very many samples, unless the network does much better alone: where
            something is watched, and no column of a table drifts, one without the linear part is then trained and kept where
            its log loss is much the less (``alone_`` < 0.95).""",
        ),
    ] = "auto"
    class_weight: Annotated[
        Any,
        Parameter(
            dict,
            Choice("balanced"),
            None,
            kind='dict, "balanced" or None',
            text="""Weights of the classes by label, which the weights of the samples, or of single steps, are multiplied
            with; a class that is left out weighs 1. "balanced": n / (number of classes * n of the class), n counting all
            that ``fit`` is given by its weights. Not for several labels a sample.""",
        ),
    ] = None

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train for one epoch on X and y, at ``learning_rate_init``, without early stopping or an average of the weights.

        The first call sets the classes, the scaling and the initial weights. A frame that starts one step after the last
        one ended sees its end as history.

        Parameters
        ----------
        X, y, sample_weight
            As in :meth:`fit`.
        classes : array of shape (n_classes,), default=None
            All labels that may come, in the first call; later calls may repeat them. None: those in the first y. Not for
            several labels a sample.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            As :meth:`fit`, for ``class_weight="balanced"``, which needs all of y, and for ``solver="lbfgs"``, which has no
            single epoch.
        """
        if self.class_weight == "balanced":
            raise ValueError("class_weight='balanced' needs all of y; give partial_fit the weights as a dict.")
        return self._fit_one_epoch(X, y, sample_weight, classes)

    def predict(self, X: Any, context: Any = "auto") -> Any:
        """Predict a label for each row of a table, each sequence, or each step.

        Parameters
        ----------
        X : as in ``fit``
            Rows to predict.
        context : "auto", None or table, default="auto"
            History before the first rows of a table, see :meth:`GRURegressor.predict`.

        Returns
        -------
        Series, DataFrame or array
            The most probable class; of several labels a 1 for each that is more likely than not. A DataFrame gives a Series
            named and typed like y, or a DataFrame with y's columns, on its own index. Arrays where X is an array, or y was
            one in ``fit``. With a label at every step, a list gives a list, an array one array.

        Raises
        ------
        ValueError
            For bad input, naming the column, row or timestamp.
        sklearn.exceptions.NotFittedError
            Before ``fit``.
        """
        work, (_, form) = self._work(X, context), self._labelled()
        return to_output(self._answers(work), work.X, work.sequences, form)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Share of labels that ``predict(X)`` gets right; with a label at every step, of all steps.

        Of several labels a sample, all must be right.

        Parameters
        ----------
        X, y, sample_weight
            As in :meth:`fit`; y may hold labels that were not there.

        Raises
        ------
        ValueError, sklearn.exceptions.NotFittedError
            As :meth:`predict`, and for a y that does not belong to X.
        """
        work, classes, known = self._work(X, "auto"), *self._labelled()
        labels, form = read_labels(y, work.sequences, work.X)
        check_kind(labels, classes)
        check_same_columns(form, known)
        if form.per_step != known.per_step:
            raise ValueError(f"y has a label {'at every step' if form.per_step else 'a sample'}; fit had it otherwise.")
        weights = weights_of_targets(sample_weight, work, form.per_step)
        chosen = classes.choose(self._outputs(work))
        return float(accuracy_score(classes.numbers(labels), chosen, sample_weight=weights))

    def _answers(self, work: Work) -> np.ndarray:
        classes, _ = self._labelled()
        return classes.decode(classes.choose(self._outputs(work)))

    def _read_y(self, y: Any, work: Work, before: FittedState | None, classes: Any) -> Targets:
        return read_classes(y, work, None if before is None else before.classes, classes)

    def _choose_linear(
        self, inputs: InputForm, targets: Targets, training: Samples, everything: Samples, levels: Scaler, partial: bool
    ) -> FittedLinear | None:
        """By itself from all of the data; a part of it, as partial_fit has, chooses nothing."""
        n_lags = 0 if self.linear_lags == "auto" and partial else self.linear_lags
        link = self._objective(targets.classes).link
        return choose_logistic(n_lags, training, everything, levels, targets.outputs.n_outputs, link)

    def _weigh(self, targets: Targets, weights: np.ndarray, work: Work) -> tuple[np.ndarray, np.ndarray]:
        if self.class_weight is None:
            return weights, ALL_ALIKE
        return weigh_labels(self.class_weight, targets, weights, work.sequences)

    def _objective(self, classes: Classes | None) -> Objective:
        assert classes is not None
        return Objective("cross_entropy" if classes.link == "softmax" else "log_loss", 0.0, classes.link)

    def _initial_bias(self, link: str, n_outputs: int, targets: np.ndarray, weights: np.ndarray) -> Any:
        """Start at the shares of the classes: at their log odds, or under a softmax at their logarithms."""
        if link == "softmax":
            totals = np.bincount(targets[:, 0].astype(np.int64), weights, minlength=n_outputs)
            return outputs_of(np.maximum(totals / totals.sum(), RAREST), link)
        return outputs_of(np.clip(np.average(targets, axis=0, weights=weights), RAREST, 1 - RAREST), link)

    def __sklearn_tags__(self) -> Tags:
        """Tags: several labels, 3-D input."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

"""Classification of time series and sequences."""

from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.metrics import accuracy_score
from sklearn.utils import Tags
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted

from grukit.data import (
    ALL_ALIKE,
    Classes,
    TargetForm,
    as_labels,
    as_probabilities,
    log_probability_of,
    read_labels,
    to_output,
)
from grukit.estimators._base import Objective, RecurrentEstimator
from grukit.estimators._constraints import COMMON_CONSTRAINTS
from grukit.estimators._inputs import Work, read_X
from grukit.estimators._weights import weights_of_classes

RAREST = 1e-6  # share of a class that the initial bias takes for the least


class GRUClassifier(ClassifierMixin, RecurrentEstimator):
    """Gated recurrent units for classification of time series and sequences.

    Stacked GRU layers and a linear head, trained by back-propagation through time on the log loss. X is a table whose rows
    are consecutive time steps (each prediction sees the last ``window`` rows), a panel of such tables, or a set of
    sequences, which may have a label each or a label at every step. Two classes have one output, the log odds of the
    second; more have one each, under a softmax; several labels a sample (y of zeros and ones, a column a label) are told
    independently, by a logistic output each, and their loss is the mean over the labels.

    Parameters
    ----------
    hidden_layer_sizes : int or tuple of int, default=(32,)
        Units of each recurrent layer.
    window : int or None, default=32
        Rows of history (its own row included) that one prediction sees, when X is a 2-D table whose rows are consecutive
        time steps. None: each row of a 2-D X is one univariate sequence, independent of the others.
    cell : {"gru", "gru_reset_before", "dual_state", "dual_state_basic"}, default="gru"
        "gru": reset gate after the recurrent product, as in cuDNN, PyTorch and Keras. "gru_reset_before": before it, as in
        Cho et al. (2014). "dual_state", "dual_state_basic": a unit of grukit's own with a second state, kept to be compared
        with the GRU; the equations are in ``grukit.kernels``.
    bidirectional : bool, default=False
        Every layer also reads each window or sequence from its end to its beginning, with as many units again.
    dropout : float, default=0.0
        Share of the inputs of every layer, the head's too, that training sets to zero, drawn for each step.
    recurrent_dropout : float, default=0.0
        Share of the state that training sets to zero where it enters the recurrent products, the same units at all steps of
        a window or sequence (Gal and Ghahramani 2016).
    initial_state : {"zeros", "learned"}, default="zeros"
        State before the first step.
    missing : {"error", "mask", "decay"}, default="error"
        What NaN in X means. "mask": the training mean stands in, and a second input tells that the value is missing.
        "decay": GRU-D (Che et al. 2018); the last value seen decays to the mean, and the state decays, at learned rates, with
        the time since; the index tells the time. Not for predictors, streams, the other cells or both directions.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes by label, which the weights of the samples, or of single steps, are multiplied with; a class
        that is left out weighs 1. "balanced": n / (number of classes * n of the class), n counting all that ``fit`` is
        given by its weights. Not for several labels a sample.
    solver : {"adam", "adamw", "sgd", "rmsprop", "lbfgs"}, default="adam"
        "lbfgs" uses all samples at once; it is for small data sets and takes no batches, rates or clipping.
    alpha : float, default=0.0
        L2 penalty on the weights, not the biases: alpha / 2 * sum of squares, divided by the batch's total weight. For
        "adamw", the decoupled weight decay.
    batch_size : int or "auto", default="auto"
        Samples in a batch. "auto": 64, or all where there are fewer.
    learning_rate : {"constant", "cosine", "one_cycle", "adaptive"}, default="constant"
        Schedule. "cosine": down to 0 over ``max_iter`` epochs. "one_cycle": up for 30 % of them, then down. "adaptive":
        divided by 5 after each ``n_iter_no_change`` epochs without improvement, until it is below 1e-6.
    learning_rate_init : float, default=0.003
        Initial learning rate, the peak of the schedule.
    max_iter : int, default=200
        Epochs at most (iterations for "lbfgs").
    shuffle : bool, default=True
        Take the samples in a new random order in each epoch.
    tol : float, default=1e-4
        What counts as an improvement of the loss; for "lbfgs" the largest entry of the gradient at which it stops.
    early_stopping : bool, default=False
        Hold out the last part in time, watch the loss there, and keep the weights of the best epoch.
    validation_fraction : float, default=0.1
        Share held out; between it and the training part a gap of one window is used by neither.
    n_iter_no_change : int, default=10
        Stop after this many epochs in a row without improvement of at least ``tol``.
    clip_norm : float or None, default=1.0
        Gradients longer than this (Euclidean norm over all parameters) are scaled down to it. None: off.
    standardize : bool, default=True
        Standardise X inside, with figures from the training part alone.
    weight_init : {"glorot", "uniform"}, default="glorot"
        "glorot": Glorot-uniform input weights, orthogonal recurrent weights for each gate, zero biases. "uniform":
        everything uniform on +-1/sqrt(units), as in PyTorch.
    momentum : float, default=0.9
        For "sgd".
    nesterovs_momentum : bool, default=True
        For "sgd".
    beta_1, beta_2 : float, default=0.9, 0.999
        Decay rates of Adam's moments.
    epsilon : float, default=1e-8
        For numerical stability in "adam", "adamw" and "rmsprop".
    max_fun : int, default=15000
        Function calls at most, for "lbfgs".
    warm_start : bool, default=False
        Go on from the weights, moments and scaling of the last fit.
    device : {"auto", "cpu", "cuda"}, default="auto"
        Where to compute. "auto" takes an NVIDIA GPU where there is one and the batches are large enough to pay. Its kernels
        are for the GRU cells in one direction with initial states of zero, the losses of regression, and no
        ``missing="decay"``.
    dtype : {"float32", "float64"}, default="float32"
        Type of weights and computations.
    precision : {"full", "tf32"}, default="full"
        Of the large matrix products on a GPU in float32; "tf32" rounds their factors to 10 bits of fraction, which is
        faster there. The CPU has no such format, there it changes nothing.
    n_jobs : int or None, default=None
        Threads. None: 1, -1: all. The result is bitwise the same for any number.
    callbacks : callable, list of callable or None, default=None
        Each is called after every epoch with its record, a dict with the keys of ``history_``; one that returns True stops
        training.
    random_state : int, RandomState instance or None, default=None
        Initial weights, order of the samples, dropout.
    verbose : bool or int, default=False
        Show a progress bar.

    Attributes
    ----------
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : ndarray of str
        Names of the columns, where X had names that are all strings.
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted. With several labels a sample: the columns of y, or their numbers.
    n_outputs_ : int
        Outputs of the network: 1 for two classes, otherwise one a class or label.
    n_iter_ : int
        Epochs run, over all calls of ``partial_fit`` and warm starts.
    best_iter_ : int
        Epoch of the last call of ``fit`` with the lowest validation loss, whose weights are kept; where nothing was held
        out, with the lowest training loss, while the last weights are kept.
    loss_ : float
        Mean training loss in the epoch whose weights are kept, in nats; for "lbfgs" with the penalty.
    loss_curve_, validation_curve_ : list of float
        Losses of each epoch; ``validation_curve_`` is None where nothing was held out.
    history_ : DataFrame
        epoch, loss, validation_loss, gradient_norm (mean over batches, before clipping), learning_rate, seconds.
    stop_reason_ : str
        Why training ended, a sentence.
    weights_ : dict of ndarray
        Copies of the weights, under the names and layouts of ``torch.nn.GRU.state_dict()``: ``weight_ih_l{k}`` (3H, D),
        ``weight_hh_l{k}`` (3H, H), ``bias_ih_l{k}``, ``bias_hh_l{k}`` (3H,), blocks r, z, n; ``head.weight`` (K, H),
        ``head.bias`` (K,). Both directions, other cells and options have further names, see
        ``grukit.model.NetworkSpec.shapes``. They act on standardised data and give log odds. Assigning a dict checks and
        sets them.
    n_parameters_ : int
        Numbers in ``weights_``.
    device_ : str
        "cpu".
    device_reason_ : str
        Why, a sentence.

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

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **COMMON_CONSTRAINTS,
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        hidden_layer_sizes: Any = (32,),
        *,
        window: int | None = 32,
        cell: str = "gru",
        bidirectional: bool = False,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        initial_state: str = "zeros",
        missing: str = "error",
        class_weight: Any = None,
        solver: str = "adam",
        alpha: float = 0.0,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.003,
        max_iter: int = 200,
        shuffle: bool = True,
        tol: float = 1e-4,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        clip_norm: float | None = 1.0,
        standardize: bool = True,
        weight_init: str = "glorot",
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        max_fun: int = 15000,
        warm_start: bool = False,
        device: str = "auto",
        dtype: str = "float32",
        precision: str = "full",
        n_jobs: int | None = None,
        callbacks: Any = None,
        random_state: Any = None,
        verbose: bool | int = False,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.window = window
        self.cell = cell
        self.bidirectional = bidirectional
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.initial_state = initial_state
        self.missing = missing
        self.class_weight = class_weight
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.tol = tol
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.clip_norm = clip_norm
        self.standardize = standardize
        self.weight_init = weight_init
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.max_fun = max_fun
        self.warm_start = warm_start
        self.device = device
        self.dtype = dtype
        self.precision = precision
        self.n_jobs = n_jobs
        self.callbacks = callbacks
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on X and y.

        Parameters
        ----------
        X : DataFrame or array of shape (n, n_features), array (n_sequences, n_steps, n_features), or list of 2-D tables
            A table, rows in time order; the last level of a MultiIndex is the time, the levels before it name the series
            of a panel. Or sequences. With ``window=None``, each row of a table is a univariate sequence.
        y : Series, DataFrame or array, of shape (n,) or (n, n_labels)
            One label a row of the table, or a sequence: strings, numbers, booleans, or anything that can be sorted. Of shape
            (n, n_labels), zeros and ones: several labels. For sequences also a label at every step: an array
            (n_sequences, n_steps) where all have as many steps (so give zeros and ones of several labels a sequence as a
            DataFrame where there are as many labels as steps), a list of arrays or Series of shape (n_steps,), and for
            several labels a 3-D array or a list of tables (n_steps, n_labels).
        sample_weight : array of shape (n,), default=None
            Weights, not negative. A row of weight zero is no target but remains in the history of others.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For bad input, naming the parameter, column, row or timestamp; where there is one class only.
        RuntimeError
            For ``device="cuda"``.
        """
        return self._fit(X, y, sample_weight, first=not (self.warm_start and hasattr(self, "_parameters")))

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train for one epoch on X and y, at ``learning_rate_init``, without early stopping.

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
        if self.solver == "lbfgs":
            raise ValueError(
                "partial_fit needs a solver that trains in batches; solver='lbfgs' uses all samples at once."
            )
        if self.class_weight == "balanced":
            raise ValueError("class_weight='balanced' needs all of y; give partial_fit the weights as a dict.")
        first = not hasattr(self, "_parameters")
        return self._fit(X, y, sample_weight, first, classes, max_iter=1, learning_rate="constant")

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
        work = self._read_X(X, context)
        labels = self._classes.decode(self._classes.choose(self._outputs(work)))
        return to_output(labels, X, work.sequences, self._label_form)

    def predict_proba(self, X: Any, context: Any = "auto") -> Any:
        """Probabilities of the classes, or of each of several labels.

        Parameters
        ----------
        X, context
            As in :meth:`predict`.

        Returns
        -------
        DataFrame or array of shape (n, n_classes)
            Columns in the order of ``classes_``. A DataFrame on the index of X where X is one and y was a pandas object;
            scikit-learn's scorers may take its columns by position, ``[:, k]``.
            With a label at every step, a list gives a list, an array one array (n_sequences, n_steps, n_classes).
        """
        work = self._read_X(X, context)
        return as_probabilities(to_output(self._outputs(work), X, work.sequences, self._form))

    def predict_log_proba(self, X: Any, context: Any = "auto") -> Any:
        """Logarithms of the probabilities, computed from the log odds, so exact where a probability rounds to 0 or 1.

        Parameters
        ----------
        X, context
            As in :meth:`predict`.

        Returns
        -------
        DataFrame or array
            As :meth:`predict_proba`.
        """
        work = self._read_X(X, context)
        logarithms = log_probability_of(self._network_outputs(work), self._classes.link)
        return to_output(logarithms, X, work.sequences, self._form)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Share of labels that ``predict(X)`` gets right; with a label at every step, of all steps.

        Of several labels a sample, all must be right.

        Parameters
        ----------
        X, y, sample_weight
            As in :meth:`fit`; y may hold labels that were not there.
        """
        work = self._read_X(X, "auto")
        labels, form = read_labels(y, work.sequences, X)
        self._check_kind(labels)
        if form.per_step != self._form.per_step:
            raise ValueError(f"y has a label {'at every step' if form.per_step else 'a sample'}; fit had it otherwise.")
        if sample_weight is not None and form.per_step:
            sample_weight = np.repeat(sample_weight, work.sequences.lengths)
        chosen = self._classes.choose(self._outputs(work))
        return float(accuracy_score(self._classes.numbers(labels), chosen, sample_weight=sample_weight))

    def _read_X(self, X: Any, context: Any) -> Work:
        check_is_fitted(self)
        return read_X(self, X, reset=False, context=context)

    def _read_y(self, y: Any, work: Work, X: Any, first: bool, classes: Any) -> tuple[np.ndarray, TargetForm]:
        labels, form = read_labels(y, work.sequences, X)
        if classes is not None and form.n_outputs > 1:
            raise ValueError("classes is for one label a sample; several are as many as y has columns.")
        if first:
            known = labels if classes is None else as_labels(classes, "classes").reshape(-1, 1)
            self._classes = Classes.found_in(known, form)
            self.classes_ = self._classes.values
        elif classes is not None and not np.array_equal(np.unique(as_labels(classes, "classes")), self.classes_):
            raise ValueError(f"classes must be those of the first call, {self.classes_.tolist()}; got {classes!r}.")
        self._check_kind(labels)
        self._label_form = form
        return self._classes.encode(labels), self._classes.form(form)

    def _check_kind(self, labels: np.ndarray) -> None:
        n_labels = len(self.classes_) if self._classes.multilabel else 1
        if labels.shape[1] != n_labels:
            raise ValueError(f"y has {labels.shape[1]} labels a sample; the model was fitted with {n_labels}.")

    def _weigh(
        self, targets: np.ndarray, weights: np.ndarray, work: Work, per_step: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        if self.class_weight is None:
            return weights, ALL_ALIKE
        if self._classes.multilabel:
            raise ValueError("class_weight is for one label a sample; y has several. Use sample_weight.")
        numbers = targets[:, 0].astype(np.int64)
        each = np.repeat(weights, work.sequences.lengths) if per_step else weights
        of_label = weights_of_classes(self.class_weight, self.classes_, numbers, each)[numbers]
        if not per_step:
            return weights * of_label, ALL_ALIKE
        # A sequence none of whose steps counts is left out, as one of weight zero.
        return weights * (np.add.reduceat(of_label, work.sequences.starts) > 0), of_label

    def _objective(self) -> Objective:
        link = self._classes.link
        return Objective("cross_entropy" if link == "softmax" else "log_loss", 0.0, link)

    def _initial_bias(self, targets: np.ndarray, weights: np.ndarray) -> Any:
        """Start at the shares of the classes: at their log odds, or under a softmax at their logarithms."""
        if self._classes.link == "softmax":
            totals = np.bincount(targets[:, 0].astype(np.int64), weights, minlength=self._classes.n_outputs)
            return np.log(np.maximum(totals / totals.sum(), RAREST))
        share = np.clip(np.average(targets, axis=0, weights=weights), RAREST, 1 - RAREST)
        return np.log(share / (1 - share))

    def __sklearn_tags__(self) -> Tags:
        """Tags: several labels, 3-D input."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

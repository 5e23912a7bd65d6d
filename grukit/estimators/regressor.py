"""Regression on time series and sequences."""

from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import RegressorMixin, _fit_context
from sklearn.metrics import r2_score
from sklearn.utils import Tags
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted

from grukit.data import ALL_ALIKE, Scaler, TargetForm, check_same_index, read_targets, to_output
from grukit.estimators._base import Objective, RecurrentEstimator
from grukit.estimators._constraints import COMMON_CONSTRAINTS, POSITIVE, SHARE
from grukit.estimators._inputs import Work, read_X
from grukit.train import REGRESSION_LOSSES


class GRURegressor(RegressorMixin, RecurrentEstimator):
    """Gated recurrent units for regression on time series and sequences.

    Stacked GRU layers and a linear head, trained by back-propagation through time. X is a table whose rows are
    consecutive time steps (each prediction sees the last ``window`` rows), a panel of such tables, or a set of sequences.

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
    loss : {"squared_error", "absolute_error", "huber", "quantile", "poisson"}, default="squared_error"
        What is minimised, a mean over samples and outputs: (p - y)^2; abs(p - y); Huber's loss; the pinball loss of
        ``quantile``; exp(p) - y p, where predictions are exp(p) and y must not be negative.
    quantile : float, default=0.5
        Quantile that ``loss="quantile"`` predicts, between 0 and 1.
    delta : float, default=1.0
        Where Huber's loss turns from square to straight, in standard deviations of y if ``standardize``, else in y's units.
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
        Standardise X and y inside, with figures from the training part alone, and map predictions back. y is left as it is
        for ``loss="poisson"``.
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
    n_outputs_ : int
        Columns of y.
    n_iter_ : int
        Epochs run, over all calls of ``partial_fit`` and warm starts.
    best_iter_ : int
        Epoch of the last call of ``fit`` with the lowest validation loss, whose weights are kept; where nothing was held
        out, with the lowest training loss, while the last weights are kept.
    loss_ : float
        Mean training loss in the epoch whose weights are kept, on the standardised scale; for "lbfgs" with the penalty.
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
        ``grukit.model.NetworkSpec.shapes``. They act on standardised data. Assigning a dict checks and sets them.
    n_parameters_ : int
        Numbers in ``weights_``.
    device_ : str
        "cpu" or "cuda".
    device_reason_ : str
        Why, a sentence.

    References
    ----------
    Cho et al. (2014), Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine Translation.

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

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **COMMON_CONSTRAINTS,
        "loss": [StrOptions(set(REGRESSION_LOSSES))],
        "quantile": [SHARE],
        "delta": [POSITIVE],
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
        loss: str = "squared_error",
        quantile: float = 0.5,
        delta: float = 1.0,
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
        self.loss = loss
        self.quantile = quantile
        self.delta = delta
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
        y : Series, DataFrame or array, of shape (n,) or (n, n_outputs)
            One target a row of the table, or a sequence. For sequences also a target at every step: a 3-D array, or a list
            of arrays of shape (n_steps,) or (n_steps, n_outputs). With ``missing`` "mask" or "decay", a target that is NaN
            is left out of the loss.
        sample_weight : array of shape (n,), default=None
            Weights, not negative. A row of weight zero is no target but remains in the history of others.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For bad input, naming the parameter, column, row or timestamp.
        RuntimeError
            For ``device="cuda"`` without a GPU, its package or enough of its memory.
        """
        return self._fit(X, y, sample_weight, first=not (self.warm_start and hasattr(self, "_parameters")))

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train for one epoch on X and y, at ``learning_rate_init``, without early stopping.

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
        if self.solver == "lbfgs":
            raise ValueError(
                "partial_fit needs a solver that trains in batches; solver='lbfgs' uses all samples at once."
            )
        first = not hasattr(self, "_parameters")
        return self._fit(X, y, sample_weight, first=first, max_iter=1, learning_rate="constant")

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
        check_is_fitted(self)
        work = read_X(self, X, reset=False, context=context)
        return to_output(self._outputs(work), X, work.sequences, self._form)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Coefficient of determination R^2 of ``predict(X)``; with a target at every step, over all steps.

        Rows, or steps, with a missing target are left out where ``missing`` allows them.

        Parameters
        ----------
        X, y, sample_weight
            As in :meth:`fit`.
        """
        predictions = self.predict(X)
        check_same_index(X, y)
        if self._form.per_step:
            lengths = [len(piece) for piece in predictions]
            sample_weight = None if sample_weight is None else np.repeat(sample_weight, lengths)
            y = np.concatenate([np.asarray(piece) for piece in y])
            predictions = np.concatenate([np.asarray(piece) for piece in predictions])
        y, predictions = np.asarray(y, dtype=np.float64), np.asarray(predictions)
        seen = ~np.isnan(y.reshape(len(y), -1)).any(axis=1)
        if self._missing != "error" and not seen.all():
            y, predictions = y[seen], predictions[seen]
            sample_weight = None if sample_weight is None else np.asarray(sample_weight)[seen]
        return r2_score(y, predictions, sample_weight=sample_weight)

    def _read_y(self, y: Any, work: Work, X: Any, first: bool, classes: Any) -> tuple[np.ndarray, TargetForm]:
        targets, form = read_targets(y, work.sequences, X, allow_nan=self._missing != "error")
        if self.loss == "poisson" and (targets < 0).any():
            raise ValueError(f"loss='poisson' needs y >= 0; the smallest value is {np.nanmin(targets):g}.")
        return targets, form

    def _weigh(
        self, targets: np.ndarray, weights: np.ndarray, work: Work, per_step: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """A sample, or a step, whose targets are all missing has no weight; it remains in the history of others."""
        seen = ~np.isnan(targets).all(axis=1)
        if seen.all():
            return weights, ALL_ALIKE
        if not per_step:
            return weights * seen, ALL_ALIKE
        return weights * np.logical_or.reduceat(seen, work.sequences.starts), seen.astype(np.float64)

    def _objective(self) -> Objective:
        """The network predicts the target itself, standardised if asked for, or the logarithm of its mean."""
        parameter = {"huber": self.delta, "quantile": self.quantile}.get(self.loss, 0.0)
        return Objective(self.loss, parameter, "log" if self.loss == "poisson" else "identity")

    def _initial_bias(self, targets: np.ndarray, weights: np.ndarray) -> Any:
        """Start Poisson regression at the mean rate; standardised targets have the mean zero already."""
        if self._y_scaler.link != "log":
            return 0.0
        return np.log(np.maximum(Scaler.fit(targets, weights).mean, 1e-6))

    def __sklearn_tags__(self) -> Tags:
        """Tags: multi-output, 3-D input."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

"""The parameters that all estimators share."""

from dataclasses import KW_ONLY
from numbers import Integral, Real
from typing import Annotated, Any, ClassVar

from grukit.estimators._declare import Choice, Number, Parameter, with_parameters
from grukit.model import CELLS
from grukit.train import SCHEDULES, SOLVERS

SHARE = Number(Real, 0, 1, closed="neither")
DECAY = Number(Real, 0, 1, closed="left")
COUNT = Number(Integral, 1, None, closed="left")
WHOLE = Number(Integral, None, None, closed="neither")
AMOUNT = Number(Real, 0, None, closed="left")
POSITIVE = Number(Real, 0, None, closed="neither")


@with_parameters
class SharedParameters:
    """Parameters of networks and of their training."""

    # During a fit that other processes compute: makes of the kernels those whose sessions they work for, see grukit.dask.
    _elsewhere: ClassVar[Any] = None
    # Parameters that must be "auto" for the network alone to be tried beside a linear part.
    _open_to_alone: ClassVar[tuple[str, ...]] = ()
    _judges_to_the_end: ClassVar[bool] = False
    hidden_layer_sizes: Annotated[
        Any,
        Parameter("array-like", COUNT, kind="int or tuple of int", text="Units of each recurrent layer."),
    ] = (32,)
    _: KW_ONLY
    window: Annotated[
        int | None,
        Parameter(
            COUNT,
            None,
            text="""Rows of history (its own row included) that one prediction sees, when X is a 2-D table whose rows are
            consecutive time steps. None: each row of a 2-D X is one univariate sequence, independent of the others.""",
        ),
    ] = 32
    cell: Annotated[
        str,
        Parameter(
            Choice(*CELLS),
            text=""""gru": reset gate after the recurrent product, as in cuDNN, PyTorch and Keras. "gru_reset_before":
            before it, as in Cho et al. (2014). "dual_state", "dual_state_basic": a unit of grukit's own with a second
            state, kept to be compared with the GRU; the equations are in ``grukit.kernels``.""",
        ),
    ] = "gru"
    bidirectional: Annotated[
        bool,
        Parameter(
            "boolean",
            text="Every layer also reads each window or sequence from its end to its beginning, with as many units again.",
        ),
    ] = False
    dropout: Annotated[
        float,
        Parameter(
            DECAY,
            text="Share of the inputs of every layer, the head's too, that training sets to zero, drawn for each step.",
        ),
    ] = 0.0
    recurrent_dropout: Annotated[
        float,
        Parameter(
            DECAY,
            text="""Share of the state that training sets to zero where it enters the recurrent products, the same units
            at all steps of a window or sequence (Gal and Ghahramani 2016).""",
        ),
    ] = 0.0
    initial_state: Annotated[str, Parameter(Choice("zeros", "learned"), text="State before the first step.")] = "zeros"
    missing: Annotated[
        str,
        Parameter(
            Choice("error", "mask", "decay"),
            text="""What NaN in X means. "mask": the training mean stands in, and a second input tells that the value is
            missing. "decay": GRU-D (Che et al. 2018); the last value seen decays to the mean, and the state decays, at
            learned rates, with the time since; the index tells the time. Not for predictors, streams, the other cells or
            both directions.""",
        ),
    ] = "error"
    solver: Annotated[
        str,
        Parameter(
            Choice(*SOLVERS, "lbfgs"),
            text=""""lbfgs" uses all samples at once; it is for small data sets and takes no batches, rates or
            clipping.""",
        ),
    ] = "adam"
    alpha: Annotated[
        float,
        Parameter(
            AMOUNT,
            text="""L2 penalty on the weights, not the biases: alpha / 2 * sum of squares, divided by the batch's total
            weight. For "adamw", the decoupled weight decay.""",
        ),
    ] = 0.0
    batch_size: Annotated[
        int | str,
        Parameter(
            COUNT,
            Choice("auto"),
            text='Samples in a batch. "auto": 16 to 64, more for more samples, or all where there are fewer.',
        ),
    ] = "auto"
    learning_rate: Annotated[
        str,
        Parameter(
            Choice(*SCHEDULES),
            text="""Schedule. "cosine": down to 0 over ``max_iter`` epochs. "one_cycle": up for 30 % of them, then down.
            "adaptive": divided by 5 after each ``n_iter_no_change`` epochs without improvement, until it is below
            1e-6.""",
        ),
    ] = "constant"
    learning_rate_init: Annotated[
        float, Parameter(POSITIVE, text="Initial learning rate, the peak of the schedule.")
    ] = 0.003
    max_iter: Annotated[int, Parameter(COUNT, text='Epochs at most (iterations for "lbfgs").')] = 200
    shuffle: Annotated[bool, Parameter("boolean", text="Take the samples in a new random order in each epoch.")] = True
    tol: Annotated[
        float,
        Parameter(
            AMOUNT,
            text="""What counts as an improvement of the loss; for "lbfgs" the largest entry of the gradient at which it
            stops.""",
        ),
    ] = 1e-4
    early_stopping: Annotated[
        bool | str,
        Parameter(
            "boolean",
            Choice("auto"),
            text="""Hold out the last part in time, or of stand-alone sequences a random part with its share of every class,
            watch the loss there, and keep the weights of the best epoch. "auto": from 50 samples on, if half of them
            are left for training; with 20 to 1000 rows of a table, or gaps that would take half of them, the number of
            epochs is instead the one that does best on four blocks of the last half of the time, each forecast from what
            came before, and training then takes all (not with ``learning_rate="adaptive"``). Of fewer than 1000 sequences that
            have a class each, from 20 on, epochs are counted so on four parts, each judged by what the others teach.""",
        ),
    ] = "auto"
    validation_fraction: Annotated[
        float,
        Parameter(
            SHARE,
            text="""Share held out; of a table, a gap of one window between it and the training part is used by neither.""",
        ),
    ] = 0.1
    n_iter_no_change: Annotated[
        int,
        Parameter(COUNT, text="Stop after this many epochs in a row without improvement of at least ``tol``."),
    ] = 10
    clip_norm: Annotated[
        float | None,
        Parameter(
            POSITIVE,
            None,
            text="""Gradients longer than this (Euclidean norm over all parameters) are scaled down to it. None: off.""",
        ),
    ] = 1.0
    standardize: Annotated[
        bool,
        Parameter(
            "boolean",
            text="""Standardise X, and the y of a regressor, inside, with figures from the training part alone, and map
            predictions back. y is left as it is for ``loss="poisson"``.""",
        ),
    ] = True
    weight_init: Annotated[
        str,
        Parameter(
            Choice("auto", "glorot", "uniform", "chrono"),
            text=""""glorot": Glorot-uniform input weights, orthogonal recurrent weights for each gate, zero biases; beside a
            linear part uniform ones for the cells with two states, which would stay at zero.
            "uniform": everything uniform on +-1/sqrt(units), as in PyTorch. "chrono": as "glorot", with biases of the update
            gate at which the units remember 2 steps to as many as the longest sequence has (Tallec and Ollivier 2018); for
            the GRU cells. "auto": "chrono" for sequences that stand alone and the GRU cells, else "glorot".""",
        ),
    ] = "glorot"
    momentum: Annotated[float, Parameter(DECAY, text='For "sgd".')] = 0.9
    nesterovs_momentum: Annotated[bool, Parameter("boolean", text='For "sgd".')] = True
    beta_1: Annotated[float, Parameter(DECAY, text="Decay rate of Adam's first moment.")] = 0.9
    beta_2: Annotated[float, Parameter(DECAY, text="Decay rate of Adam's second moment.")] = 0.999
    epsilon: Annotated[float, Parameter(POSITIVE, text='For numerical stability in "adam", "adamw" and "rmsprop".')] = (
        1e-8
    )
    max_fun: Annotated[int, Parameter(COUNT, text='Function calls at most, for "lbfgs".')] = 15000
    warm_start: Annotated[
        bool, Parameter("boolean", text="Go on from the weights, moments and scaling of the last fit.")
    ] = False
    device: Annotated[
        str,
        Parameter(
            Choice("auto", "cpu", "cuda"),
            text="""Where to compute. "auto" takes an NVIDIA GPU where there is one and the batches are large enough to
            pay. Its kernels are for the GRU cells in one direction with initial states of zero, the losses of regression,
            and no ``missing="decay"``.""",
        ),
    ] = "auto"
    dtype: Annotated[str, Parameter(Choice("float32", "float64"), text="Type of weights and computations.")] = "float32"
    precision: Annotated[
        str,
        Parameter(
            Choice("full", "tf32"),
            text="""Of the large matrix products on a GPU in float32; "tf32" rounds their factors to 10 bits of fraction,
            which is faster there. The CPU has no such format, there it changes nothing.""",
        ),
    ] = "full"
    n_jobs: Annotated[
        int | str | None,
        Parameter(
            WHOLE,
            Choice("auto"),
            None,
            text="""Threads. "auto": as many as pay of the cores that this process may use, one in a child process, such as
            joblib's, and in all threads but the main one. None: 1, -1: all. The result is bitwise the same for any.""",
        ),
    ] = "auto"
    callbacks: Annotated[
        Any,
        Parameter(
            callable,
            list,
            tuple,
            None,
            kind="callable, list of callable or None",
            text="""Each is called after every epoch with its record, a dict with the keys of ``history_``; one that
            returns True stops training.""",
        ),
    ] = None
    random_state: Annotated[
        Any,
        Parameter(
            "random_state",
            kind="int, RandomState instance or None",
            text="Initial weights, order of the samples, dropout.",
        ),
    ] = None
    verbose: Annotated[bool | int, Parameter("verbose", kind="bool or int", text="Show a progress bar.")] = False

"""What a fitted network gives for sequences, on the engine that suits them."""

import numpy as np

from grukit.cores import count_threads
from grukit.data import Sequences
from grukit.engines import select_engine, with_memory
from grukit.estimators._parameters import SharedParameters
from grukit.estimators.fitted import FittedState
from grukit.train import predict

NO_WINDOWS = "the GPU's kernels have no normalize='window'"


def network_outputs(model: SharedParameters, state: FittedState, sequences: Sequences) -> np.ndarray:
    """The outputs (n, K) of a network for sequences, or (N, K) at every step of them, in its type.

    Parameters
    ----------
    model : SharedParameters
        Whose parameters say where to compute.
    state : FittedState
        What was learned.
    sequences : Sequences
        Their values are in the user's units.
    """
    n_steps = int(sequences.lengths.sum())
    lacks = "" if sequences.relative is None else NO_WINDOWS
    engine = select_engine(model.device, state.spec, n_steps // 3, required=False, lacks=lacks)
    samples = state.unlabelled(engine, sequences)
    engine = with_memory(engine, model.device, state.spec, [samples], len(sequences), training=False)
    n_threads = count_threads(model.n_jobs, float(state.spec.n_multiplied * n_steps / state.spec.segment))
    return predict(engine.kernels, state.spec, state.parameters, samples, n_threads, model.precision)

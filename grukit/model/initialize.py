"""Initial parameters."""

import numpy as np

from grukit.model.specification import NetworkSpec

DECAY_BOUND = 0.2  # largest initial weight of a decay, for times in steps
EMBEDDED = 0.1  # deviation of the initial numbers of a category


def _glorot(shape: tuple[int, ...], fan_out: int, random_state: np.random.RandomState) -> np.ndarray:
    """Uniform on +-sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010, eq. 16)."""
    bound = np.sqrt(6.0 / (shape[1] + fan_out))
    return random_state.uniform(-bound, bound, shape)


def _orthogonal(size: int, random_state: np.random.RandomState) -> np.ndarray:
    """Orthogonal matrix (size, size), uniform over all of them (Saxe et al. 2014).

    The signs make the QR decomposition unique, without which the draw would not be uniform (Mezzadri 2007).
    """
    q, r = np.linalg.qr(random_state.standard_normal((size, size)))
    return q * np.where(np.diag(r) < 0, -1.0, 1.0)


def initialize(
    spec: NetworkSpec, method: str, dtype: str, random_state: np.random.RandomState, n_steps: int = 2
) -> np.ndarray:
    """Draw a network's parameters.

    Parameters
    ----------
    spec : NetworkSpec
        The network.
    method : {"glorot", "uniform", "chrono"}
        "glorot": Glorot-uniform input and head weights, an orthogonal recurrent matrix for each gate, zero biases.
        "uniform": everything uniform on +-1 / sqrt(H), as in PyTorch. "chrono": as "glorot", and the biases of the update
        gate log(T - 1), where T, the steps that a unit remembers, is drawn between 2 and ``n_steps``, uniform in its
        logarithm (Tallec and Ollivier 2018, who draw it uniform itself). With all, learned initial states begin at zero,
        weights of a decay between 0 and 0.2, embeddings normal with a deviation of 0.1, and a decoder with the last state.
    dtype : {"float32", "float64"}
        Type of the parameters. The draw is the same for both.
    random_state : numpy.random.RandomState
        Source of the draw.
    n_steps : int, default=2
        Steps of the longest sequence, for "chrono".

    Returns
    -------
    numpy.ndarray of shape (n_parameters,)
    """
    flat = np.zeros(spec.n_parameters)
    units = {suffix: H for suffix, _, H in spec.layers}
    for name, view in spec.views(flat).items():
        kind, _, suffix = name.rpartition("_l")
        hidden = units.get(f"l{suffix}", spec.shapes["head.weight"][1])
        if kind == "initial":
            continue
        if name.startswith("embedding."):
            view[...] = EMBEDDED * random_state.standard_normal(view.shape)
            continue
        if name.startswith("decay."):
            # A decay that begins at zero would stay there: the gradient of max(0, a) is zero.
            view[...] = random_state.uniform(0.0, DECAY_BOUND, view.shape) if "weight" in name else 0.0
            continue
        if name == "bridge.weight":  # a decoder begins with the last state, or the mean of both directions'
            view[...] = np.tile(np.eye(hidden), spec.n_directions) / spec.n_directions
            continue
        if method == "uniform":
            view[...] = random_state.uniform(-1.0, 1.0, view.shape) / np.sqrt(hidden)
        elif name == "head.weight":
            view[...] = _glorot(view.shape, view.shape[0], random_state)
        elif "weight" in name:
            for block in np.split(view, len(view) // hidden):
                block[...] = (
                    _orthogonal(hidden, random_state) if "_hh" in name else _glorot(block.shape, hidden, random_state)
                )
    if method == "chrono":
        for name, view in spec.views(flat).items():
            if name.startswith("bias_ih"):  # blocks r, z, n
                H = len(view) // 3
                remembered = np.exp(random_state.uniform(np.log(2.0), np.log(max(2, n_steps)), H))
                view[H : 2 * H] = np.log(np.maximum(remembered - 1.0, 1.0))
    return flat.astype(dtype)

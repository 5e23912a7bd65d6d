"""Initial parameters."""

import numpy as np

from grukit.model.specification import NetworkSpec


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


def initialize(spec: NetworkSpec, method: str, dtype: str, random_state: np.random.RandomState) -> np.ndarray:
    """Draw a network's parameters.

    Parameters
    ----------
    spec : NetworkSpec
        The network.
    method : {"glorot", "uniform"}
        "glorot": Glorot-uniform input and head weights, an orthogonal recurrent matrix for each gate, zero biases.
        "uniform": everything uniform on +-1 / sqrt(H), as in PyTorch.
    dtype : {"float32", "float64"}
        Type of the parameters. The draw is the same for both.
    random_state : numpy.random.RandomState
        Source of the draw.

    Returns
    -------
    numpy.ndarray of shape (n_parameters,)
    """
    flat = np.zeros(spec.n_parameters)
    for name, view in spec.views(flat).items():
        hidden = spec.hidden_layer_sizes[int(name.rpartition("_l")[2])] if "_l" in name else spec.hidden_layer_sizes[-1]
        if method == "uniform":
            view[...] = random_state.uniform(-1.0, 1.0, view.shape) / np.sqrt(hidden)
        elif name == "head.weight":
            view[...] = _glorot(view.shape, view.shape[0], random_state)
        elif "weight" in name:
            for gate in np.split(view, 3):
                gate[...] = (
                    _orthogonal(hidden, random_state) if "_hh" in name else _glorot(gate.shape, hidden, random_state)
                )
    return flat.astype(dtype)

"""Equal samples counted once."""

from hashlib import blake2b

import numpy as np

from grukit.data.sequences import Sequences


def fold_duplicates(
    sequences: Sequences, targets: np.ndarray, per_step: bool, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Merge equal samples (inputs and target) that stand alone into one with the sum of their weights.

    So a weight of k is exactly k copies, to the last bit, whatever the order of the samples: the survivors are ordered by
    a hash of their content.

    Returns
    -------
    samples : ndarray of shape (m,)
        Numbers of the survivors, m <= n.
    weights : ndarray of shape (m,)
        Their summed weights.
    """
    first: dict[bytes, int] = {}
    total: dict[bytes, float] = {}
    for i in range(len(sequences)):
        rows = slice(sequences.starts[i], sequences.starts[i] + sequences.lengths[i])
        content = blake2b(sequences.values[rows].tobytes(), digest_size=16)
        content.update(targets[rows].tobytes() if per_step else targets[i].tobytes())
        key = content.digest()
        first.setdefault(key, i)
        total[key] = total.get(key, 0.0) + weights[i]
    keys = sorted(first)
    return np.array([first[key] for key in keys]), np.array([total[key] for key in keys])

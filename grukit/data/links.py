"""From the outputs of a network to what they stand for.

=========== ======================================== =====================================
link        the outputs (..., K) are                 :func:`mean_of` gives
=========== ======================================== =====================================
identity    the means                                them (..., K)
log         logarithms of the means                  the means (..., K)
logit       log odds of labels                       probabilities of the labels (..., K)
binary      log odds of the second of two classes    probabilities of both (..., 2)
softmax     log probabilities up to a common number  probabilities of the classes (..., K)
=========== ======================================== =====================================
"""

import numpy as np
from scipy.special import expit, log_expit, softmax

LINKS = ("identity", "log", "logit", "binary", "softmax")
RAREST = 1e-6  # share of a class, or label, that outputs which know nothing else take for the least


def mean_of(outputs: np.ndarray, link: str) -> np.ndarray:
    """Means or probabilities that float64 outputs (..., K) stand for."""
    if link == "identity":
        return outputs
    if link == "log":
        return np.exp(outputs)
    return expit(_both(outputs, link)) if link in ("logit", "binary") else softmax(outputs, axis=-1)


def outputs_of(shares: np.ndarray, link: str) -> np.ndarray:
    """Float64 outputs (K,) that stand for shares (K,) of classes, of the second of two, or of labels; neither 0 nor 1."""
    return np.log(shares) if link == "softmax" else np.log(shares / (1 - shares))


def log_probability_of(outputs: np.ndarray, link: str) -> np.ndarray:
    """Logarithms of the probabilities that float64 outputs (..., K) stand for; exact where those round to 0 or 1."""
    if link in ("logit", "binary"):
        return log_expit(_both(outputs, link))
    # With the largest out of the sum, a logarithm near zero keeps its digits, which scipy's log_softmax rounds away.
    relative = outputs - outputs.max(axis=-1, keepdims=True)
    others = np.exp(relative)
    np.put_along_axis(others, np.argmax(outputs, axis=-1)[..., None], 0.0, axis=-1)
    return relative - np.log1p(others.sum(axis=-1, keepdims=True))


def _both(outputs: np.ndarray, link: str) -> np.ndarray:
    """Log odds of both classes where there are two; of each label otherwise."""
    return np.concatenate([-outputs, outputs], axis=-1) if link == "binary" else outputs

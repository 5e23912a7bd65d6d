"""Inspection of a fitted model: its gates over time, how far gradients reach back, what a prediction depends on.

Everything is computed in float64, whatever the model's ``dtype``, and comes as a DataFrame. Pictures of them are in
:mod:`grukit.plotting`.
"""

from grukit.inspection._gates import gates
from grukit.inspection._gradient_flow import gradient_flow
from grukit.inspection._saliency import saliency

__all__ = ["gates", "gradient_flow", "saliency"]

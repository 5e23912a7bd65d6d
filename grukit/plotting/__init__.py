"""Pictures of a fitted model, as Display classes after scikit-learn's convention.

A display holds the data of a picture. ``from_estimator`` computes them and draws; ``plot`` draws again, on other axes. What
was drawn is in attributes that end in ``_``, so that it can be changed. Lines differ in dashes, widths or markers, and
shades in lightness, so that every picture can be read in black and white.

matplotlib is needed for these only; ``pip install "grukit[plot]"`` brings it.
"""

from grukit.plotting._backtest import BacktestDisplay
from grukit.plotting._common import require_matplotlib
from grukit.plotting._forecast import ForecastDisplay
from grukit.plotting._gates import GateDisplay
from grukit.plotting._gradient_flow import GradientFlowDisplay
from grukit.plotting._loss_curve import LossCurveDisplay
from grukit.plotting._saliency import SaliencyDisplay

__all__ = [
    "BacktestDisplay",
    "ForecastDisplay",
    "GateDisplay",
    "GradientFlowDisplay",
    "LossCurveDisplay",
    "SaliencyDisplay",
    "require_matplotlib",
]

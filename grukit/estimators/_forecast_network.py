"""What a forecaster's network reads and gives: the layout of its rows, and the decoder of the steps ahead."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from grukit.data import Layout, Observed
from grukit.model import Decoder, NetworkSpec

if TYPE_CHECKING:
    from grukit.estimators.forecaster import GRUForecaster


def layout_of(model: "GRUForecaster", observed: Observed) -> Layout:
    """What the rows hold, and how far they are looked at."""
    return Layout(
        model.window,
        1 if model.strategy == "recursive" else model.horizon,
        *observed.form.counts,
        n_joint=len(observed.series) if model.channels == "joint" else 1,
        segment=int(model.segment or 1),
        decodes=model.strategy == "decoder",
    )


def decoder_of(layout: Layout, missing: str) -> Decoder | None:
    """What goes on ahead of the windows, and reads what is known there; None: all steps come from the last state.

    Without segments it takes a step after another; segments are decoded at once, each from the last state (Lin et al. 2023,
    SegRNN: Segment Recurrent Neural Network for Long-Term Time Series Forecasting, "parallel multi-step forecasting").
    """
    if not layout.decodes:
        return None
    first, n = layout.n_joint + layout.n_past, layout.n_known + layout.n_calendar
    columns = list(range(first, first + n))
    if missing == "mask":  # whether they are missing, in as many columns again
        after = first + n + len(layout.leads) * layout.n_known + first
        columns += range(after, after + n)
    k = layout.segment
    steps, at_once = (layout.horizon, 1) if k == 1 else (1, layout.horizon // k)
    return Decoder(steps, at_once, k, tuple(columns), layout.n_joint)


def told_of(layout: Layout, spec: NetworkSpec) -> dict[str, Any]:
    """Both by name, for messages; "recursive" is "direct" of one step."""
    return {"strategy": "decoder" if layout.decodes else "direct", **asdict(layout), **asdict(spec)}


def first_outputs(decoder: Decoder | None, wanted: np.ndarray) -> np.ndarray:
    """The bias of the head at which the outputs (K, M) are what is wanted, as far as one of all positions can be."""
    if decoder is None:
        return wanted.ravel()
    parts, positions, M = decoder.parts, decoder.n_positions, wanted.shape[1]
    return wanted.reshape(parts, positions, -1, M).mean(axis=1).ravel()

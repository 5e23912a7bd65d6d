"""Predictions of a set of samples: sequences of like length together, and each chunk of them by the cheaper kernel."""

from functools import partial
from typing import Any

import numpy as np

from grukit.kernels.cpu.compiler.target import half_a_tile_is_busy
from grukit.kernels.cpu.inference.lanes import predict_lanes, predict_lanes_work_size
from grukit.kernels.cpu.inference.packing import pack_network
from grukit.kernels.cpu.inference.rows import predict_chunks, predict_work_size
from grukit.kernels.cpu.products.vectors import LANES
from grukit.kernels.cpu.storage.layout import UNITS
from grukit.kernels.cpu.storage.memory import aligned_empty, workspaces
from grukit.kernels.cpu.storage.sizes import n_outputs, n_steps
from grukit.kernels.cpu.team import Team
from grukit.kernels.cpu.training.standardizing import Relative

# Sequences for another thread: fewer take less time than to start it.
SEQUENCES_OF_A_THREAD = 4
# Sequences in a chunk of a network with options, which knows no lanes. Of 200 both ways, 32 units, one Zen 4 core, 1, 4, 8 and
# 16 at a time: 2.4, 1.5, 1.3 and 1.3 ms in float32, 15.6, 14.6, 14.5 and 14.5 in float64.
ROWS = 8


def by_length(lengths: np.ndarray) -> np.ndarray | None:
    """Order of sequences from the longest to the shortest, alike ones as they come; None where it is the given order."""
    if len(lengths) < 2 or (lengths[1:] <= lengths[:-1]).all():
        return None
    return np.argsort(-lengths, kind="stable")


# As many sequences by themselves take as long as a chunk, however many of its lanes are in use. Measured in float32 on two
# Zen 4 machines: of 32 to 256 units 11 to 13, and 7 to 11 where two threads share a core; of 16 units 5 to 6, of 10 units 3.
AS_A_CHUNK, AS_A_NARROW_CHUNK = 9, 4
NARROW = 24  # units below which the work around a step's product is most of it
WELL_FILLED = 0.85  # share of a chunk's steps that are of a sequence, from which nothing is to be gained
# Sequences of like length that are cheaper in a chunk of their own number than in one that is filled up; fewer than three are
# not worth it. 168 steps, 128 units, 4, 8 and 12 sequences: 0.38, 0.69 and 1.0 ms, one by one 0.79, 1.5 and 2.3 and filled up
# 2.0 on a Zen 5 core; with AVX2 there 0.70, 1.4 and 2.1, one by one 0.97, 1.9 and 2.8 and filled up 2.6.
FEWEST, MOST, MOST_NARROW = 3, 12, 4
# Units from which rows fill the tiles of a product: 256 sequences of 96 steps and 64 units take 3.5 ms, in lanes 5.1, on a
# Zen 5 core, but 40 % more with 28 units.
WIDE = 32


def go_in_rows(units: np.ndarray, bits: int) -> bool:
    """Whether chunks of a network with these units a layer, in numbers of so many bits, are rows, not lanes."""
    return bool(units.min() >= WIDE and not half_a_tile_is_busy(bits, LANES))


def few_alike(lengths: np.ndarray, units: int) -> bool:
    """Whether sorted sequences (n,) of a network whose widest layer has so many units are best taken as a chunk of n."""
    n = len(lengths)
    most = MOST_NARROW if units < NARROW else MOST
    return FEWEST <= n <= most and lengths.sum() >= WELL_FILLED * n * lengths[0]


def taken_out(lengths: np.ndarray, units: int) -> np.ndarray:
    """Which of the sorted sequences (n,) are predicted by themselves; the others fill chunks, ``LANES`` from the longest on.

    All of a chunk run to the end of its longest sequence. So some of the longest are taken out where the steps saved
    and the sequences that move up instead are worth more than they cost; and all of a few. ``units`` of the widest layer.
    """
    if len(lengths) % LANES == 0 and lengths[0] == lengths[-1]:  # full chunks of sequences alike
        return np.zeros(len(lengths), dtype=bool)
    as_a_chunk = AS_A_NARROW_CHUNK if units < NARROW else AS_A_CHUNK
    if len(lengths) <= as_a_chunk:
        return np.ones(len(lengths), dtype=bool)
    alone = np.zeros(len(lengths), dtype=bool)
    steps = np.append(0, np.cumsum(lengths))
    first = int((lengths == lengths[0]).sum()) // LANES * LANES  # these chunks are full
    while first < len(lengths):
        last = min(first + LANES, len(lengths))
        if few_alike(lengths[first:], units):
            alone[first:] = True
        elif steps[last] - steps[first] < WELL_FILLED * LANES * lengths[first]:
            out = np.arange(first, last + 1)  # without those before the one that then is the longest
            moved_up = steps[np.minimum(last + out - first, len(lengths))] - steps[last]
            then_longest = np.append(lengths[first:last], lengths[last] if last < len(lengths) else 0)
            costs = LANES / as_a_chunk * (steps[out] - steps[first]) + LANES * then_longest - moved_up
            n = int(np.argmin(costs))
            alone[first : first + n] = True
            first += n
            if n == LANES:
                continue
        first += LANES
    return alone


def predict(network: Any, parameters: np.ndarray, samples: Any, n_threads: int, precision: str) -> np.ndarray:
    """Outputs of all samples, shape (n, K), or (N, K) with one for every row of ``samples.values``.

    A sequence has the same bits whichever kernel takes it and whatever else is predicted. ``precision`` is the GPU's.
    """
    n, K = len(samples.values) if network.per_step else len(samples.starts), n_outputs(network.options, network.layers)
    outputs = np.empty((n, int(K)), parameters.dtype)
    order = by_length(samples.lengths)
    if order is None:
        _predict_sorted(network, parameters, samples, n_threads, outputs)
        return outputs
    samples = _taken(samples, order)
    if network.per_step:  # written to the rows of ``values``, wherever a sequence stands
        _predict_sorted(network, parameters, samples, n_threads, outputs)
        return outputs
    in_order = np.empty_like(outputs)
    _predict_sorted(network, parameters, samples, n_threads, in_order)
    outputs[order] = in_order
    return outputs


def _taken(samples: Any, which: Any) -> Any:
    return samples._replace(starts=samples.starts[which], lengths=samples.lengths[which])


def _predict_sorted(network: Any, parameters: np.ndarray, samples: Any, n_threads: int, outputs: np.ndarray) -> None:
    """Predict samples whose lengths do not increase."""
    if len(samples.starts) == 0:
        return
    if network.options is not None or isinstance(samples.scaling, Relative):  # which lanes know nothing of
        _predict_rows(network, parameters, samples, n_threads, outputs, min(ROWS, len(samples.starts)))
        return
    units = network.layers[:-1, UNITS]
    in_rows = go_in_rows(units, 8 * parameters.itemsize)
    in_chunks = partial(_predict_rows, rows=LANES) if in_rows else _predict_in_lanes
    out = taken_out(samples.lengths, int(units.max()))
    if not out.any():
        in_chunks(network, parameters, samples, n_threads, outputs)
    elif out.all():
        _predict_few(network, parameters, samples, n_threads, outputs)
    else:
        for which, predict_those in ((~out, in_chunks), (out, _predict_few)):
            own = outputs if network.per_step else np.empty((int(which.sum()), outputs.shape[1]), outputs.dtype)
            predict_those(network, parameters, _taken(samples, which), n_threads, own)
            if not network.per_step:
                outputs[which] = own


def _predict_few(network: Any, parameters: np.ndarray, samples: Any, n_threads: int, outputs: np.ndarray) -> None:
    """Sequences that are no chunk: where they are alike as one of their own number, for each thread, or one by one."""
    rows = 1
    if few_alike(samples.lengths, int(network.layers[:-1, UNITS].max())):
        n = len(samples.starts)
        rows = -(-n // max(1, min(n_threads, n // SEQUENCES_OF_A_THREAD)))
        rows += rows % 4 == 3  # a tile of 4 rows takes no longer than one of 2 and then one of 1
    _predict_rows(network, parameters, samples, n_threads, outputs, rows)


def _predict_in_lanes(network: Any, parameters: np.ndarray, samples: Any, n_threads: int, outputs: np.ndarray) -> None:
    n_threads = max(1, min(n_threads, len(samples.starts) // LANES))
    packed = _packed(network, parameters, 0)
    work = workspaces(n_threads, predict_lanes_work_size(network, int(samples.lengths[0])), parameters.dtype)
    with Team(n_threads) as team:
        team.run(predict_lanes, network, packed, samples, outputs, work)


def _predict_rows(
    network: Any, parameters: np.ndarray, samples: Any, n_threads: int, outputs: np.ndarray, rows: int
) -> None:
    """Chunks of ``rows`` sequences."""
    n = len(samples.starts)
    n_threads = max(1, min(n_threads, n // SEQUENCES_OF_A_THREAD, -(-n // rows)))  # the last chunk may have fewer
    packed = _packed(network, parameters, rows)
    longest = n_steps(network.options, int(samples.lengths[0]))
    work = workspaces(n_threads, predict_work_size(network, longest, rows), parameters.dtype)
    with Team(n_threads) as team:
        team.run(predict_chunks, network, packed, samples, rows, outputs, work)


def _packed(network: Any, parameters: np.ndarray, rows: int) -> np.ndarray:
    packed = aligned_empty(parameters.shape, parameters.dtype)
    pack_network(network, parameters, rows, packed)
    return packed

"""What training asks of the GPU: memory for one set of samples, and the passes over them.

The samples are uploaded once. An epoch is a row of launches without a word between host and device: the device counts the
batches and stops updating where a step is not finite. Then records and parameters are read back.
"""

from typing import Any

import numpy as np

from grukit.kernels.cpu import Batches, Optimizer
from grukit.kernels.cuda import batches as around
from grukit.kernels.cuda import optimizer as updates
from grukit.kernels.cuda._cuda import Launch, compiled, cuda, pieces
from grukit.kernels.cuda.graph import Recorded
from grukit.kernels.cuda.memory import check_memory
from grukit.kernels.cuda.network import UNITS, NetworkLaunches
from grukit.kernels.cuda.samples import MOST_ROWS, DeviceSamples, gather, upload
from grukit.kernels.scalar import ADAMW


class Session:
    """Device memory for training on samples; arguments as :class:`grukit.kernels.cpu.Session`.

    Attributes
    ----------
    graphs : bool
        Whether steps are recorded and replayed; a subclass may change it. Not by default: see
        :mod:`grukit.kernels.cuda.graph`.

    Raises
    ------
    RuntimeError
        Where the device's memory does not suffice.
    """

    graphs = False

    def __init__(
        self,
        network: Any,
        samples: Any,
        validation: Any,
        loss: int,
        loss_parameter: float | tuple[float, ...],
        n_threads: int,
        batch_size: int,
        precision: str,
    ):
        levels = cuda.to_device(np.array(loss_parameter, dtype=np.float64, ndmin=1))
        self._network, self._loss_of = network, (loss, levels)
        given = [taken for taken in (samples, validation) if taken is not None]
        longest = max(int(taken.lengths.max()) for taken in given)
        self._rows = min(batch_size, MOST_ROWS)
        check_memory(network, given, batch_size, True)
        dtype, known = samples.values.dtype, dict[int, tuple[Any, Any]]()
        self._samples = upload(samples, known)
        self._validation = (validation, None if validation is None else upload(validation, known))
        self._known = known
        self._shuffled = self._samples._replace(order=cuda.device_array(len(samples.starts), np.int32))
        n_parameters = int(network.layers[-1, 4] + network.layers[-1, UNITS])
        self._state = cuda.device_array(2 * n_parameters, dtype)  # parameters, and what they were before the last step
        self._parameters = self._state[:n_parameters]
        self._gradient = cuda.device_array(n_parameters, dtype)
        self._plan = NetworkLaunches(network, self._parameters, longest, self._rows, True, precision)
        self._control = cuda.to_device(np.zeros(around.CONTROL_SIZE, np.int64))
        self._totals = cuda.to_device(np.zeros(around.TOTALS_SIZE))
        self._parts = cuda.device_array(around.BLOCKS, np.float64)
        self._optimizer: Optimizer | None = None
        self._batches: Batches | None = None
        self._current = False  # whether the device has the optimiser's parameters

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *error: Any) -> None:
        """Nothing to do: the device's memory goes with the session."""

    # --- the optimiser ------------------------------------------------------------------------------------------------

    def begin(self, optimizer: Optimizer) -> None:
        """Take up an optimiser, whose arrays the next calls change."""
        self._optimizer, self._current, self._prepared = optimizer, False, (0, 0)
        self._moments = cuda.to_device(optimizer.first_moment), cuda.to_device(optimizer.second_moment)
        self._penalized = cuda.to_device(optimizer.penalized)
        self._step = int(optimizer.step[0])
        settings = np.zeros(updates.SETTINGS_SIZE)
        settings[updates.SOLVER], settings[updates.NESTEROV] = optimizer.solver, optimizer.nesterov
        settings[updates.MOMENTUM], settings[updates.EPSILON_SETTING] = optimizer.momentum, optimizer.epsilon
        settings[updates.BETA_1], settings[updates.BETA_2] = optimizer.beta_1, optimizer.beta_2
        settings[updates.ALPHA], settings[updates.CLIP_NORM] = optimizer.alpha, optimizer.clip_norm
        self._settings = cuda.to_device(settings)
        self._squares = cuda.device_array(updates.BLOCKS, np.float64)

    def train(self, batches: Batches, stop_at: int) -> None:
        """Take the batches from ``batches.done`` up to ``stop_at``; stops before a step that is not finite.

        Afterwards ``parameters`` and ``previous`` of the optimiser, ``batches.records`` and ``batches.done`` are current.
        """
        assert self._optimizer is not None
        optimizer, first = self._optimizer, int(batches.done[0])
        if batches is not self._batches:
            self._batches = batches
            self._shuffled.order.copy_to_device(batches.order.astype(np.int32))
            self._prepare(batches.size, len(batches.rates))
        if self._plan.draws:
            self._plan.draws.seed.copy_to_device(np.array([batches.seed]))
        self._rates.copy_to_device(batches.rates)  # halved on the way where a step was not finite
        if not self._current:
            self._state.copy_to_device(np.concatenate([optimizer.parameters, optimizer.previous]))
        self._start(first)
        self._run_steps(stop_at - first)
        control = self._control.copy_to_host()
        batches.done[0] = done = int(control[around.NUMBER])
        taken = slice(first, done + int(control[around.FAILED]))
        batches.records[taken] = self._records.copy_to_host()[taken]
        optimizer.step[0] = self._step = int(control[around.STEP])
        optimizer.parameters[:], optimizer.previous[:] = np.split(self._state.copy_to_host(), 2)
        self._current = True

    def _prepare(self, size: int, n_batches: int) -> None:
        """Make the launches of a step, once for all epochs."""
        if self._prepared != (size, n_batches):
            self._prepared = (size, n_batches)
            self._records = cuda.device_array((n_batches, 3), np.float64)
            self._rates = cuda.device_array(n_batches, np.float64)
            self._launches = self._step_launches(size)
            self._recorded: Recorded | None = None

    def _run_steps(self, n: int) -> None:
        if self.graphs and self._recorded is not None:
            self._recorded.run(n)
            return
        for _ in range(n):
            for launch in self._launches:
                launch.run(0)
        self._recorded = Recorded(self._launches) if self.graphs else None

    def undo(self) -> None:
        """Take back the last step of the parameters."""
        assert self._optimizer is not None
        self._optimizer.parameters[:] = self._optimizer.previous
        self._current = False

    def end(self) -> None:
        """Leave the optimiser; from now on its moments are current too."""
        assert self._optimizer is not None
        for moment, on_device in zip(
            (self._optimizer.first_moment, self._optimizer.second_moment), self._moments, strict=True
        ):
            on_device.copy_to_host(moment)
        self._optimizer, self._batches, self._current = None, None, False

    # --- passes over all samples --------------------------------------------------------------------------------------

    def evaluate(self, parameters: np.ndarray, samples: Any) -> float:
        """Weighted mean loss of samples."""
        host, device = self._validation
        taken = device if device is not None and samples is host else upload(samples, self._known)
        return self._pass(parameters, taken, backward=False)

    def loss_and_gradient(self, parameters: np.ndarray) -> tuple[float, np.ndarray]:
        """Weighted mean loss of the training samples and its gradient (P,)."""
        loss = self._pass(parameters, self._samples, backward=True)
        return loss, self._gradient.copy_to_host()

    def _pass(self, parameters: np.ndarray, samples: DeviceSamples, backward: bool) -> float:
        if self._optimizer is None or parameters is not self._optimizer.parameters or not self._current:
            self._parameters.copy_to_device(parameters)
            self._current = False
        self._start(0)
        plan = self._plan
        launches = self._batch_launches(samples, len(samples.order), plan.forward, plan.backward if backward else [])
        for launch in launches:
            launch.run(0)
        totals = self._totals.copy_to_host()
        return float(totals[around.LOSS] / totals[around.WEIGHT])

    # --- launches -----------------------------------------------------------------------------------------------------

    def _start(self, number: int) -> None:
        """Set the device's count: the next batch is ``number``."""
        control = np.zeros(around.CONTROL_SIZE, np.int64)
        if self._optimizer is not None:
            control[around.STEP] = self._step
        control[around.NUMBER] = number
        self._control.copy_to_device(control)

    def _step_launches(self, size: int) -> list[Any]:
        """A training step."""
        assert self._optimizer is not None
        dtype, alpha = self._state.dtype.name, 0.0 if self._optimizer.solver == ADAMW else self._optimizer.alpha
        n, threads, parameters = self._gradient.size, updates.THREADS, self._parameters
        penalize = compiled(updates.penalize, threads, dtype)
        args = (float(alpha), self._totals, parameters, self._penalized, self._gradient, self._squares)
        decide = compiled(updates.decide, 1)
        decided = (self._squares, self._rates, self._settings, self._control, self._totals, self._records)
        update = compiled(updates.update, threads, dtype)
        changed = (self._gradient, self._penalized, parameters, self._state[n:], *self._moments)
        return [
            *self._batch_launches(self._shuffled, size, *self._plan.dropped),
            Launch(penalize, updates.BLOCKS, threads, args),
            Launch(decide, 1, 1, decided),
            Launch(update, pieces(n, threads), threads, (self._settings, self._control, self._totals, *changed)),
        ]

    def _batch_launches(self, samples: DeviceSamples, size: int, forward: list[Any], backward: list[Any]) -> list[Any]:
        """Losses and, unless ``backward`` is empty, the gradient of a batch."""
        plan, per_step, threads = self._plan, self._network.per_step, around.THREADS
        counted = (samples.order, samples.lengths, samples.weights, self._control, self._totals)
        opened = Launch(compiled(around.open_batch, threads, per_step), 1, threads, (size, *counted))
        add = compiled(updates.sum_slots, updates.THREADS)
        grid = pieces(self._gradient.size, updates.THREADS)
        added = Launch(add, grid, updates.THREADS, (plan.slots, self._control, self._gradient))
        close = Launch(compiled(around.close_piece, 1), 1, 1, (self._rows, self._parts, self._control, self._totals))
        piece = [gather(plan, samples, self._control), *forward, self._loss(samples)]
        piece += [*backward, added, close] if backward else [close]
        return [opened, *(piece * pieces(size, self._rows))]

    def _loss(self, samples: DeviceSamples) -> Launch:
        plan, (kind, levels) = self._plan, self._loss_of
        kernel = compiled(around.loss_of_piece, around.THREADS, self._state.dtype.name, self._network.per_step)
        asked = (samples.starts, samples.targets, samples.weights, self._totals)
        args = (kind, levels, plan.chunk, plan.lengths, *asked, plan.outputs, self._parts)
        return Launch(kernel, around.BLOCKS, around.THREADS, args)

"""Training whose chunks the workers of a cluster compute: the same batches, slots and steps as in one process."""

from dataclasses import dataclass
from itertools import pairwise
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from grukit.dask._crew import Crew
from grukit.dask._rows import Cut, Piece
from grukit.dask._tasks import Recruits
from grukit.dask._wire import Lost, Traffic
from grukit.dask._worker import Job
from grukit.kernels.cpu import Batches, plan_batches, take_step
from grukit.kernels.cpu.session import Session, sort_batches
from grukit.kernels.cpu.storage.layout import drops

MOST_NUMBERS = 1 << 22  # of the windows of batches that are brought together ahead, on all workers: 16 MB of float32
MOST_SAMPLES = 8192


@dataclass(frozen=True)
class Group:
    """Some batches whose rows the workers have brought together."""

    number: int
    source: Any  # what it is known by, alive as long as it is
    first: int  # batch, of those of its order
    size: int  # samples in a batch
    order: np.ndarray
    slots: np.ndarray  # of each sample
    weights: np.ndarray  # of each batch
    workers: list[int]  # that compute some of it


class Table(NamedTuple):
    """Rows that the workers keep."""

    key: Any  # what is the same for all samples of it
    samples: Any
    cut: Cut
    first: int  # number of its first piece


def kernels_on(client: Any, traffic: Traffic, kernels: ModuleType) -> ModuleType:
    """The CPU's kernels, but with sessions whose chunks the workers of a client compute; ``traffic`` is added to."""
    shared = ModuleType(f"{kernels.__name__} on Dask")
    vars(shared).update(vars(kernels))
    vars(shared)["Session"] = lambda *args: SharedSession(client, traffic, *args)
    return shared


class SharedSession(Session):
    """A session that does its work elsewhere.

    Parameters
    ----------
    client : distributed.Client
    traffic : Traffic
    *args
        Those of :class:`grukit.kernels.cpu.Session`; here one thread sums up and steps.
    """

    def __init__(
        self,
        client: Any,
        traffic: Traffic,
        network: Any,
        samples: Any,
        validation: Any,
        loss: int,
        loss_parameter: float | tuple[float, ...],
        n_threads: int,
        batch_size: int,
        precision: str,
    ):
        super().__init__(network, samples, validation, loss, loss_parameter, 1, batch_size, precision)
        self.validation = validation
        lengths = np.concatenate([each.lengths for each in (samples, validation) if each is not None])
        self.longest = int(lengths.max())
        self._tables: list[Table] = []
        self._groups: dict[Any, Group] = {}
        self._n_groups = 0
        self._client, self._traffic = client, traffic

    def __enter__(self) -> "SharedSession":
        super().__enter__()
        n = max(1, len(self._client.nthreads()))
        for each in (self.samples, self.validation):
            if each is not None and not any(table.key is self._key_of(each) for table in self._tables):
                first = sum(len(table.cut.begins) for table in self._tables)
                self._tables.append(Table(self._key_of(each), each, self._cut(each, n), first))
        n_pieces = sum(len(table.cut.begins) for table in self._tables)
        self.crew = Crew(Recruits(self._client, self._job), n_pieces, self._piece, self._traffic)
        self.crew.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.crew.__exit__(*error)
        super().__exit__(*error)

    def _key_of(self, samples: Any) -> Any:
        """The array that says which table samples are of; where steps have targets, validation may have others."""
        return samples.targets if self.training.per_step else samples.values

    def _cut(self, samples: Any, n: int) -> Cut:
        """The rows of the table of some samples, those of training and of validation together."""
        key, both = self._key_of(samples), (self.samples, self.validation)
        parts = [each for each in both if each is not None and self._key_of(each) is key]
        return Cut.of(parts, n)

    def _piece(self, number: int) -> Piece:
        table = [table for table in self._tables if table.first <= number][-1]
        return table.cut.piece(number - table.first, table.samples, bool(self.training.per_step))

    def _job(self, **told: Any) -> Job:
        values = self.samples.values
        return Job(
            network=self.training,
            loss=self.loss,
            dtype=values.dtype.name,
            n_parameters=self.storage.slots.shape[1],
            longest=self.longest,
            alike=self._alike,
            per_step=bool(self.training.per_step),
            **told,
        )

    def _run(self, network: Any, stop_at: int, samples: Any, batches: Any, optimizer: Any, storage: Any) -> None:
        control = np.zeros(1, np.int64)
        while batches.done[0] < stop_at:
            number = int(batches.done[0])
            try:
                group = self._group(samples, batches, number)
                n_slots = self._compute(group, number - group.first, optimizer.parameters, batches, storage)
            except Lost as error:
                self._groups.clear()
                self.crew.regroup(error)
                continue
            except BaseException:  # Ctrl-C, say: a question may be on its way, and an answer to it
                self._groups.clear()
                self.crew.hang_up()
                raise
            self.crew.tries = 0
            weight = float(group.weights[number - group.first])
            if not take_step(control, number, weight, n_slots, batches, optimizer, storage):
                return
            self._traffic.steps += batches.update

    def _compute(self, group: Group, at: int, parameters: np.ndarray, batches: Any, storage: Any) -> int:
        """Bring the losses and the gradient of a batch to where a session of one process has them."""
        first, last = at * group.size, min((at + 1) * group.size, len(group.order))
        n_slots, wanted = int(group.slots[first:last].max()) + 1, len(storage.slots) > 0
        bounds = self.crew.bounds(n_slots).tolist()
        asked = {
            "group": group.number,
            "first": first,
            "last": last,
            "scale": float(1.0 / group.weights[at]),
            "seed": batches.seed if batches.update else None,
            "wanted": wanted,
        }
        each = list(enumerate(pairwise(bounds)))
        for worker, (begin, end) in each:
            self.crew.ask(worker, "compute", [parameters], slots=[begin, end], goes_on=end < n_slots, **asked)
        for worker, (begin, end) in each:
            storage.losses[begin:end], *total = self.crew.answer(worker)
            if total:
                storage.slots[0] = total[0]
        return n_slots

    def _group(self, samples: Any, batches: Any, number: int) -> Group:
        """The group that a batch is in; where there is another in this epoch, the workers bring it together meanwhile."""
        if not batches.update:
            return self._kept(samples, batches)
        size = batches.size
        n = max(1, min(MOST_SAMPLES, MOST_NUMBERS // (self.longest * samples.values.shape[1])) // size)
        k, wanted = number // n, {}
        for each in (k, k + 1):
            if each * n * size < len(batches.order):
                key = id(batches.order), each
                order = batches.order[each * n * size : (each + 1) * n * size]
                known = self._groups.pop(key, None)
                wanted[key] = known or self._send(samples, batches.order, order, size, each * n)
        self._forget(lambda key: isinstance(key[1], int))
        self._groups.update(wanted)
        return wanted[id(batches.order), k]

    def _kept(self, samples: Any, batches: Any) -> Group:
        """One batch of all samples, which the workers keep where it comes again."""
        again = samples is self.validation or samples is self.samples
        key = id(samples.starts), "whole"
        if key not in self._groups:
            self._forget(lambda known: known[1] == "once")
            key = key if again else (id(samples.starts), "once")
            self._groups[key] = self._send(samples, samples.starts, batches.order, batches.size, 0)
        return self._groups[key]

    def _forget(self, which: Any) -> None:
        for key in [key for key in self._groups if which(key)]:
            group = self._groups.pop(key)
            for worker in group.workers:
                self.crew.ask(worker, "forget", group=group.number)

    def _owners(self, slots: np.ndarray, size: int) -> np.ndarray:
        """The worker that computes each sample of batches of ``size``, which are in these slots."""
        counts = np.maximum.reduceat(slots, np.arange(0, len(slots), size)) + 1
        n_slots, owners = np.repeat(counts, size)[: len(slots)], np.empty_like(slots)
        for n in np.unique(counts):
            chosen = n_slots == n
            owners[chosen] = np.searchsorted(self.crew.bounds(int(n)), slots[chosen], side="right") - 1
        return owners

    def _send(self, samples: Any, source: Any, order: np.ndarray, size: int, first: int) -> Group:
        """Let the workers bring together what they need of a group of batches."""
        order, n_batches = order.copy(), -(-len(order) // size)
        if not self._alike:
            none = np.zeros((n_batches, 3))
            batches = Batches(order, size, none[:, 0], none, np.zeros(1, np.int64), False)
            sort_batches(samples.lengths, batches, n_batches)
        slots, weights = np.empty(len(order), np.int64), np.empty(n_batches)
        plan_batches(self.network, samples, order, size, self.loss.rows, self.storage.slots.shape[1], slots, weights)
        self._n_groups += 1
        owners = self._owners(slots, size)
        group = Group(self._n_groups, source, first, size, order, slots, weights, np.unique(owners).tolist())
        dropped = drops(self.training.options) is not None
        # Numbers of samples matter to dropout alone: without it they are the places in the order.
        n, numbers = (len(samples.starts), order) if dropped else (len(order), np.arange(len(order)))
        lengths = np.empty(0, np.int64) if self._alike else samples.lengths[order]
        (table,) = (table for table in self._tables if table.key is self._key_of(samples))
        per_step = bool(self.training.per_step)
        for worker in group.workers:
            positions = np.flatnonzero(owners == worker)
            own = order[positions]
            targets = samples.targets[:0] if per_step else samples.targets[own]
            starts, pieces = table.cut.starts_of(samples, own)
            arrays = [numbers, lengths, positions, starts, table.first + pieces, samples.weights[own], targets]
            length = self.longest if self._alike else None
            self.crew.ask(worker, "group", arrays, group=group.number, n=n, length=length)
        return group

"""The README's short comparison, composed of the long tables in docs/ that the other scripts wrote.

    python benchmarks/claims.py [--check]

One row a claim. Nothing is measured here: every figure is read from the table that is linked, with its machine and date.
``--check`` writes nothing and fails where the README's table is not this one. Run it after any script that was given
``--write``.
"""

import re
from typing import NamedTuple

from _report import check_or_write, marked, of_instructions, table


class Long(NamedTuple):
    """The tables of a benchmark, as {first cell: {header: cell}} each, and what is said below them."""

    tables: list[dict[str, dict[str, str]]]
    note: str

    @property
    def machine(self) -> str:
        """Processor, cores and Python."""
        return self._described[1]

    @property
    def date(self) -> str:
        """Of the measurement."""
        return self._described[2]

    @property
    def _described(self) -> re.Match[str]:
        # As _report.machine writes it, after the last sentence of the note.
        found = re.search(r"(?:^|\. )([^.]+?, \d+ cores?, Python [\d.]+), (\d{4}-\d\d-\d\d)\.$", self.note)
        assert found, f"no machine and date in: {self.note}"
        return found


def long_table(name: str) -> Long:
    """What stands between the markers of a benchmark."""
    tables: list[dict[str, dict[str, str]]] = []
    note = ""
    for block in marked(name)[2].strip().split("\n\n"):
        lines = block.splitlines()
        if not lines[0].startswith("|"):
            note = " ".join(lines)
            continue
        header, _, *rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
        tables.append({row[0]: dict(zip(header, row, strict=True)) for row in rows})
    return Long(tables, note)


def number(cell: str) -> float:
    """A cell's figure: the first number in it."""
    return float(re.search(r"[\d.,]*\d(?:e-?\d+)?", cell).group().replace(",", ""))  # type: ignore[union-attr]


def spread(cells: list[str]) -> str:
    """From the smallest to the largest of some cells, as they are written."""
    cells = sorted(filter(None, cells), key=number)
    return f"{cells[0]} to {cells[-1]}"


def times_faster(rows: dict[str, dict[str, str]], peers: dict[str, str]) -> str:
    """The range of each peer's time over all rows, as a multiple of grukit's."""
    ranges = {shown: [row[f"{peer} / grukit"] for row in rows.values()] for peer, shown in peers.items()}
    assert all(number(cell) > 1 for cells in ranges.values() for cell in cells), "no longer faster in every row"
    return "; ".join(f"{shown} {spread(cells)}" for shown, cells in ranges.items())


class Claim(NamedTuple):
    """A row of the table."""

    what: str
    figures: str
    page: str  # and section of the long table
    source: Long


def of_peers() -> list[Claim]:
    """Training steps and inference beside other libraries with either kind of instructions; one window with the last."""
    found, page = [], "docs/performance.md#beside-pytorch-keras-jax-and-onnx-runtime"
    frameworks = {"torch": "PyTorch", "Keras": "Keras on XLA", "JAX": "JAX"}
    for instructions in ("AVX2", "AVX-512"):
        peers = long_table(of_instructions("peers", instructions))
        train, infer = peers.tables
        training = times_faster(train, frameworks)
        inference = times_faster(infer, {**frameworks, "onnxruntime": "ONNX Runtime"})
        title = f"{{}}, {{}} sizes, {instructions}: time as a multiple of grukit's"
        found += [
            Claim(title.format("Training step", len(train)), training, page, peers),
            Claim(title.format("Inference", len(infer)), inference, page, peers),
        ]
    served = {case: row["predictor(), us"] for case, row in infer.items() if case.startswith("1,")}
    small, large = min(served, key=lambda c: number(served[c])), max(served, key=lambda c: number(served[c]))
    window = f"{served[small]} µs for {small}; {served[large]} µs for {large}"
    title = f"One window by `predictor()` (rows, steps, inputs, units), {instructions}"
    return [*found, Claim(title, window, page, peers)]


def of_fits() -> list[Claim]:
    """Time and memory of whole fits."""
    fits, threads, startup, memory = map(long_table, ("end_to_end", "threads", "startup", "memory"))
    ours, loop, skorch = (fits.tables[0][name] for name in ("grukit", "torch loop", "skorch"))
    assert len({each["training loss"] for each in (ours, loop, skorch)}) == 1, "no longer the same loss"
    seconds = f"{ours['fit, s']} s; PyTorch loop {loop['fit, s']} s, skorch {skorch['fit, s']} s, same loss"
    n = re.search(r"[0-9,]+ rows", fits.note).group()  # type: ignore[union-attr]
    faster = f"{spread([row['ratio of the medians'] for row in threads.tables[0].values()])} times as fast"
    cold, warm = (number(startup.tables[0][f"first fit, {cache} cache"]["median, s"]) for cache in ("cold", "warm"))
    first = f"{cold:.1f} s where kernels must be compiled, {warm:.1f} s where they are cached"
    page = "docs/performance.md"
    return [
        Claim(f"`fit` of {n}, one epoch", seconds, f"{page}#fit-and-predict-of-an-estimator", fits),
        Claim("Two threads against one, same bits", faster, f"{page}#threads", threads),
        Claim("First fit of a process", first, f"{page}#start-up", startup),
        Claim(*peak_memory(memory), f"{page}#memory", memory),
    ]


def peak_memory(memory: Long) -> tuple[str, str]:
    """What was fitted, and the peaks."""
    rows = memory.tables[0]
    size = next(iter(rows["default settings"])).split(" x ")[0]  # the first header
    default, alone = (rows[name]["peak above imports, MiB"] for name in ("default settings", "the network alone"))
    windows = re.search(r"would be (\d+ MiB)", memory.note).group(1)  # type: ignore[union-attr]
    peaks = f"{default} MiB with default settings, {alone} MiB of a network alone; all windows in an array would be {windows}"
    return f"Peak memory of a fit of {size}, above imports", peaks


def of_accuracy() -> list[Claim]:
    """Standard tasks."""
    accuracy, page = long_table("accuracy"), "docs/accuracy.md#standard-tasks"
    tasks = accuracy.tables[0]
    adding, jsb = (
        f"{tasks[name]['grukit, median']}; published {tasks[name]['published']}"
        for name in ("adding problem, T = 600, MSE", "JSB Chorales, nats a frame")
    )
    gap = tasks["40 % removed, unexplained variance, GRU-D"]
    filled = f"{gap['grukit, median']}; with means filled in {number(gap['naive'])}"
    return [
        Claim("Adding problem, T = 600, squared error", adding, page, accuracy),
        Claim("JSB Chorales, negative log-likelihood, nats a frame", jsb, page, accuracy),
        Claim("GRU-D where 40 % of values are missing, unexplained variance", filled, page, accuracy),
    ]


def claims() -> str:
    """The table, and where and when the figures were measured."""
    found = [*of_peers(), *of_fits(), *of_accuracy()]
    lines = [[claim.what, claim.figures, f"[{claim.source.date}]({claim.page})"] for claim in found]
    measured = dict.fromkeys(f"{claim.source.date}: {claim.source.machine}" for claim in found)
    note = f"Medians on a CPU, one thread unless said otherwise; a date links to the long table. {'; '.join(measured)}."
    return f"{table(['what', 'measured', 'when'], lines)}\n\n{note}"


if __name__ == "__main__":
    check_or_write({"claims": claims()}, "benchmarks/claims.py")

"""The README's short comparison, composed of the long tables in docs/ that the other scripts wrote.

    python benchmarks/claims.py [--check]

One row a claim. Nothing is measured here: every figure is read from the table that is linked, with its machine and date.
``--check`` writes nothing and fails where the README's table is not this one. Run it after any script that was given
``--write``.
"""

import re
from typing import NamedTuple

from _report import check_or_write, marked, table


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


def rows() -> list[tuple[str, str, str, Long]]:
    """Claim, figures, the page and section of the long table, and the long table."""
    peers, fits, threads = long_table("peers"), long_table("end_to_end"), long_table("threads")
    startup, memory, accuracy = long_table("startup"), long_table("memory"), long_table("accuracy")
    train, infer = peers.tables
    frameworks = {"torch": "PyTorch", "Keras": "Keras on XLA", "JAX": "JAX"}
    served = {case: row["predictor(), us"] for case, row in infer.items() if case.startswith("1,")}
    small, large = min(served, key=lambda c: number(served[c])), max(served, key=lambda c: number(served[c]))
    ours, loop, skorch = (fits.tables[0][name] for name in ("grukit", "torch loop", "skorch"))
    assert len({each["training loss"] for each in (ours, loop, skorch)}) == 1, "no longer the same loss"
    first = startup.tables[0]
    cold, warm = first["first fit, cold cache"]["median, s"], first["first fit, warm cache"]["median, s"]
    fit = memory.tables[0]["first fit, may compile"]
    rows_fitted = next(iter(fit)).split(" x ")[0]  # the first header
    windows = re.search(r"would be (\d+ MiB)", memory.note).group(1)  # type: ignore[union-attr]
    tasks = accuracy.tables[0]
    adding, jsb = tasks["adding problem, T = 600, MSE"], tasks["JSB Chorales, nats a frame"]
    gap = tasks["40 % removed, unexplained variance, GRU-D"]
    page = "docs/performance.md"
    return [
        (
            f"Training step, {len(train)} sizes: time as a multiple of grukit's",
            times_faster(train, frameworks),
            f"{page}#beside-pytorch-keras-jax-and-onnx-runtime",
            peers,
        ),
        (
            f"Inference, {len(infer)} sizes: time as a multiple of grukit's",
            times_faster(infer, {**frameworks, "onnxruntime": "ONNX Runtime"}),
            f"{page}#beside-pytorch-keras-jax-and-onnx-runtime",
            peers,
        ),
        (
            "One window by `predictor()` (rows, steps, inputs, units)",
            f"{served[small]} µs for {small}; {served[large]} µs for {large}",
            f"{page}#beside-pytorch-keras-jax-and-onnx-runtime",
            peers,
        ),
        (
            f"`fit` of {re.search(r'[0-9,]+ rows', fits.note).group()}, one epoch",  # type: ignore[union-attr]
            f"{ours['fit, s']} s; PyTorch loop {loop['fit, s']} s, skorch {skorch['fit, s']} s, same loss",
            f"{page}#fit-and-predict-of-an-estimator",
            fits,
        ),
        (
            "Two threads against one, same bits",
            f"{spread([row['ratio of the medians'] for row in threads.tables[0].values()])} times as fast",
            f"{page}#threads",
            threads,
        ),
        (
            "First fit of a process",
            f"{number(cold):.1f} s where kernels must be compiled, {number(warm):.1f} s where they are cached",
            f"{page}#start-up",
            startup,
        ),
        (
            f"Peak memory of a fit of {rows_fitted}, above imports",
            f"{fit['peak above imports, MiB']} MiB, where all windows in an array would be {windows}",
            f"{page}#memory",
            memory,
        ),
        (
            "Adding problem, T = 600, squared error",
            f"{adding['grukit, median']}; published {adding['published']}",
            "docs/accuracy.md#standard-tasks",
            accuracy,
        ),
        (
            "JSB Chorales, negative log-likelihood, nats a frame",
            f"{jsb['grukit, median']}; published {jsb['published']}",
            "docs/accuracy.md#standard-tasks",
            accuracy,
        ),
        (
            "GRU-D where 40 % of values are missing, unexplained variance",
            f"{gap['grukit, median']}; with means filled in {number(gap['naive'])}",
            "docs/accuracy.md#standard-tasks",
            accuracy,
        ),
    ]


def claims() -> str:
    """The table, and where and when the figures were measured."""
    found = rows()
    lines = [[claim, figures, f"[{long.date}]({page})"] for claim, figures, page, long in found]
    measured = dict.fromkeys(f"{long.date}: {long.machine}" for *_, long in found)
    note = f"Medians on a CPU, one thread unless said otherwise; a date links to the long table. {'; '.join(measured)}."
    return f"{table(['what', 'measured', 'when'], lines)}\n\n{note}"


if __name__ == "__main__":
    check_or_write({"claims": claims()}, "benchmarks/claims.py")

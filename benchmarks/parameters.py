"""The tables of parameters in docs/parameters.md, from the estimators' own docstrings and signatures.

    python benchmarks/parameters.py [--check]

What all estimators have, with the same default and meaning, is one table; what is left of each is its own. ``--check``
writes nothing and fails where a table is not up to date.
"""

import inspect
import re

from _report import check_or_write, table

import grukit

HEADER = ["parameter", "default", "meaning"]


def rows_of(estimator: type) -> list[tuple[str, ...]]:
    """Name, default and meaning of each parameter; those that the docstring describes together are a row."""
    text = inspect.cleandoc(estimator.__doc__).split("Parameters\n----------\n")[1].split("\n\nAttributes\n")[0]
    defaults = {name: p.default for name, p in inspect.signature(estimator).parameters.items()}
    rows, described = [], []
    for names, description in re.findall(r"^(\w[\w, ]*) : .*\n((?:    .*\n?)+)", text, re.MULTILINE):
        own = names.split(", ")
        described += own
        shown = ", ".join(f"`{defaults[name]!r}`" for name in own)
        meaning = " ".join(line.strip() for line in description.splitlines()).replace("``", "`").replace("|", "\\|")
        rows.append((", ".join(f"`{name}`" for name in own), shown, meaning))
    assert sorted(described) == sorted(defaults), f"{estimator.__name__}: documented are {described}"
    return rows


def parameters() -> dict[str, str]:
    """The tables by the names of their markers."""
    estimators = [getattr(grukit, name) for name in grukit.__all__ if inspect.isclass(getattr(grukit, name))]
    rows = {estimator.__name__: rows_of(estimator) for estimator in estimators}
    shared = [row for row in next(iter(rows.values())) if all(row in others for others in rows.values())]
    tables = {"parameters": shared}
    for name, own in rows.items():
        tables[f"parameters of {name}"] = [row for row in own if row not in shared]
    return {name: table(HEADER, [list(row) for row in some]) for name, some in tables.items()}


if __name__ == "__main__":
    check_or_write(parameters(), "benchmarks/parameters.py")

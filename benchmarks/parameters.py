"""The README's table of parameters, from GRURegressor's own docstring and signature.

    python benchmarks/parameters.py [--check]

``--check`` writes nothing and fails where the README's table is not this one.
"""

import inspect
import re
import sys

from _report import ROOT, report, table

from grukit import GRURegressor


def parameters() -> str:
    """A row for each parameter: name, default, meaning."""
    text = inspect.cleandoc(GRURegressor.__doc__).split("Parameters\n----------\n")[1].split("\n\nAttributes\n")[0]
    defaults = {name: p.default for name, p in inspect.signature(GRURegressor).parameters.items()}
    rows = []
    for names, description in re.findall(r"^(\w[\w, ]*) : .*\n((?:    .*\n?)+)", text, re.MULTILINE):
        shown = ", ".join(f"`{defaults[name]!r}`" for name in names.split(", "))
        meaning = " ".join(line.strip() for line in description.splitlines()).replace("``", "`").replace("|", "\\|")
        rows.append([", ".join(f"`{name}`" for name in names.split(", ")), shown, meaning])
    assert sum(len(row[0].split(", ")) for row in rows) == len(defaults), "a parameter is not documented"
    return table(["parameter", "default", "meaning"], rows)


if __name__ == "__main__":
    text = parameters()
    if "--check" in sys.argv:
        sys.exit(
            0 if text in (ROOT / "README.md").read_text() else "README.md: the table of parameters is out of date."
        )
    report("parameters", text, write=True)

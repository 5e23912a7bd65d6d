"""The rules that hold the rooms together: which way imports run, what importing costs, where anything prints."""

import ast
import re
from pathlib import Path

import pytest
from child import run_code

PACKAGE = Path(__file__).parents[1] / "grukit"

# A room may import from the rooms behind it. The second name of a pair narrows the first.
ALLOWED = {
    "estimators": {"estimators", "data", "train", "model", "engines", "files", "version", "cores"},
    "data": {"data"},
    "files": {"files"},
    "version": set(),
    "train": {"train", "model"},
    "model": {"model", "engines"},
    "engines": {"kernels", "kernels.cpu", "kernels.cuda"},
    "cores": set(),
    "kernels.cuda": {"kernels", "kernels.cuda", "kernels.cpu", "kernels.scalar"},  # of the CPU's, the records
    "kernels.cpu": {"kernels.cpu", "kernels.scalar"},
    "kernels.scalar": set(),
    "kernels": set(),
    "datasets": {"datasets"},
    "metrics": {"metrics", "data"},
    # It looks into fitted estimators, and takes derivatives of losses one number at a time.
    "inspection": {"inspection", "estimators", "data", "train", "model", "engines", "kernels.scalar"},
    "interchange": {"interchange", "estimators", "files", "data", "model", "version"},
    "plotting": {"plotting", "inspection", "estimators", "data", "metrics"},
    # Its sessions are the CPU's, but others compute their chunks.
    "dask": {"dask", "estimators", "data", "engines", "kernels.cpu", "version"},
    "cli": {"arguments", "demo", "forecast_cli", "info", "engines", "model", ""},
    # Before a fit it asks how many rows intervals need.
    "forecast_cli": {
        "arguments",
        "forecast_file",
        "forecast_static",
        "forecast_table",
        "estimators",
        "files",
        "metrics",
        "plotting",
        "",
    },
    "arguments": set(),
    "forecast_file": {"forecast_table"},
    "forecast_static": {"forecast_file", "forecast_table"},
    "forecast_table": set(),
    "demo": {"datasets", "metrics", "plotting", ""},
    "info": {"engines", "cores", ""},
    "__main__": {"cli"},
    "": {"estimators", "version"},
}
# Within the CPU's room a module may import from its own group and from those before it; the public names come last.
CPU_GROUPS = (
    "compiler", "team", "products", "storage", "cells", "network", "training", "inference", "passes", "session", "sharing",
    "",
)  # fmt: skip
ONLY_IN = {
    # Inspection, like plotting, comes after the fact: its results are frames on the indexes that ``data`` makes.
    # Files say what labels and times there are.
    "pandas": {
        "dask",
        "data",
        "datasets",
        "demo",
        "files",
        "inspection",
        "metrics",
        "plotting",
        "forecast_cli",
        "forecast_file",
        "forecast_static",
        "forecast_table",
    },
    "dask": {"dask"},
    "distributed": {"dask"},
    "numba": {"kernels.scalar", "kernels.cpu", "kernels.cuda"},
}


def room_of(parts):
    """Room of a module given as its path inside the package: ('kernels', 'cpu', 'gru') -> 'kernels.cpu'."""
    if parts[:1] == ("kernels",):
        return ".".join(parts[:2])
    return parts[0] if parts else ""


def imports_of(path):
    """Modules that a file imports anywhere, also inside functions, as dotted names."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            yield node.module
            if node.module in ("grukit", "grukit.kernels"):  # names may be modules
                yield from (f"{node.module}.{a.name}" for a in node.names if (PACKAGE / a.name).exists())


MODULES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=[str(path.relative_to(PACKAGE)) for path in MODULES])
def test_imports_run_one_way(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    room = room_of(tuple(part for part in parts if part != "__init__"))
    for name in imports_of(path):
        root, *inside = name.split(".")
        if root == "grukit":
            assert room_of(tuple(inside)) in ALLOWED[room], f"{room} must not import {name}"
        elif root in ONLY_IN:
            assert room in ONLY_IN[root], f"{room} must not import {root}"


CPU = PACKAGE / "kernels" / "cpu"
CPU_MODULES = [path for path in MODULES if path.is_relative_to(CPU)]


@pytest.mark.parametrize("path", CPU_MODULES, ids=[str(path.relative_to(CPU)) for path in CPU_MODULES])
def test_imports_within_the_cpu_s_room_run_one_way(path):
    def place(parts):
        return CPU_GROUPS.index(parts[0] if parts else "")

    parts = path.relative_to(CPU).with_suffix("").parts
    own = place(tuple(part for part in parts if part != "__init__"))
    for name in imports_of(path):
        if name.startswith("grukit.kernels.cpu"):
            assert place(name.split(".")[3:]) <= own, f"{path} must not import {name}"


def test_a_group_of_kernels_has_no_names_of_its_own():
    groups = [path for path in CPU_MODULES if path.name == "__init__.py" and path.parent != CPU]
    assert {path.parent.name for path in groups} < set(CPU_GROUPS)
    assert not [path for path in groups if list(imports_of(path))]


def test_the_rule_is_alive(tmp_path):
    (tmp_path / "wrong.py").write_text("def f():\n    from grukit.estimators import GRURegressor\n")
    assert list(imports_of(tmp_path / "wrong.py")) == ["grukit.estimators"]
    assert "estimators" not in ALLOWED["kernels.cpu"]


def test_importing_compiles_nothing_and_brings_in_nothing_optional():
    code = (
        "import sys, grukit\n"
        "optional = {'numba', 'llvmlite', 'matplotlib', 'torch', 'dask', 'distributed', 'statsmodels'} & set(sys.modules)\n"
        "assert not optional, optional\n"
    )
    run_code(code)


def test_numba_cuda_is_imported_in_one_module():
    pattern = r"^\s*(from numba import .*\bcuda\b|(from|import) numba\.cuda)"
    users = [path for path in MODULES if re.search(pattern, path.read_text(), flags=re.MULTILINE)]
    assert users == [PACKAGE / "kernels" / "cuda" / "_cuda.py"]


# The GPU's kernels use the package numba-cuda, which has private names and versions of its own.
NUMBA_DOOR = {CPU / "compiler" / name for name in ("cache.py", "internals.py", "parts.py")}
NUMBA_USERS = [*CPU_MODULES, PACKAGE / "kernels" / "scalar.py"]
PUBLIC_NUMBA = {"config", "njit", "typeof", "types"}  # of ``numba`` itself; all of ``numba.extending``
PRIVATE_OPTIONS = {"_nrt", "no_cfunc_wrapper", "no_cpython_wrapper", "pipeline_class"}
PRIVATE_TEXT = re.compile(rf"({'|'.join(PRIVATE_OPTIONS)}|numba_(?!cuda)\w+)$")  # an option as a key, a symbol in C
OTHERS_UNDERSCORED = {"_replace", "_asdict", "_fields", "_getvalue"}  # of named tuples; documented in numba's manual


def private_numba_names(source):
    """What a module uses of Numba, or of any other object, that is not public."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "numba":
            names = {alias.name for alias in node.names}
            if node.module == "numba":
                yield from names - PUBLIC_NUMBA
            elif node.module == "numba.core":  # of which the manual uses this
                yield from names - {"cgutils"}
            elif node.module != "numba.extending":
                yield node.module
            yield from (name for name in names if name.startswith("_"))
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("numba."))
        elif isinstance(node, ast.Attribute):
            own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls", "np")
            if isinstance(node.value, ast.Name) and node.value.id == "numba" and node.attr != "__version__":
                yield f"numba.{node.attr}"
            elif re.match("_[a-z]", node.attr) and not own and node.attr not in OTHERS_UNDERSCORED:
                yield node.attr
        elif isinstance(node, ast.keyword) and node.arg in PRIVATE_OPTIONS:
            yield node.arg
        elif isinstance(node, ast.Constant) and PRIVATE_TEXT.match(str(node.value)):
            yield node.value


@pytest.mark.parametrize("path", NUMBA_USERS, ids=[str(path.relative_to(PACKAGE)) for path in NUMBA_USERS])
def test_private_names_of_numba_are_behind_one_door(path):
    assert path in NUMBA_DOOR or not set(private_numba_names(path.read_text()))


def test_the_door_to_private_names_of_numba_is_alive():
    for path in NUMBA_DOOR:
        assert set(private_numba_names(path.read_text()))
    users = [path for path in MODULES if "grukit.kernels.cpu.compiler.parts" in imports_of(path)]
    assert users == [CPU / "compiler" / "internals.py"]
    for wrong in ("from numba.np.arrayobj import populate_array", "njit(**{'_nrt': False})", "f._cache.flush()",
                  "numba.core", "import numba.core.event", "name = 'numba_xxgemm'", "njit(pipeline_class=P)"):  # fmt: skip
        assert list(private_numba_names(wrong)), wrong


def test_only_the_command_line_prints():
    for path in MODULES:
        names = {node.func.id for node in ast.walk(ast.parse(path.read_text()))
                 if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}  # fmt: skip
        assert "print" not in names or path.name in ("cli.py", "demo.py", "forecast_cli.py", "info.py"), path

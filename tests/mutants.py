"""Mutation testing: the package with one small error at a time, which a test must find.

    python tests/mutants.py map FILE [TESTS ...]         # which tests call which functions: run all tests of the rooms, once
    python tests/mutants.py run FILE [number] [seed] [at once] [PLACES ...]
    python tests/mutants.py one FILE MODULE NUMBER       # what one mutant is, and what tests say of it

A map of some tests is added to what the file has. Places are files and lines, such as ``data/stacking.py`` or
``data/stacking.py:140``, that mutants are drawn from instead of all rooms.


Errors are comparisons turned round or off by one, other operators, other constants, conditions negated, bounds of slices off
by one, `min` for `max`, statements left out. They are drawn by chance from all that there are in the rooms, and each runs the
tests that call the function it is in, shortest first, up to ``BUDGET`` seconds of them, in a process that is forked from one
with the kernels loaded. What no test finds is printed, with the reason from ``mutants.txt`` where it changes nothing.
"""

import ast
import builtins
import contextlib
import copy
import importlib.abc
import importlib.util
import io
import json
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter, defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "grukit"
ROOMS = ("data", "train", "estimators", "interchange", "files")
LEFT_OUT = ("test_learning", "test_large", "test_scikit_learn_checks", "test_meta_estimators")  # slow, and of the whole
KEPT = ("grukit.kernels", "grukit.engines", "grukit.model", "grukit.cores")  # loaded once, before processes are forked
BUDGET, LIMIT = 15.0, 180.0  # seconds of tests for a mutant, and after which it counts as found: it hangs
BROKEN = 99
OPTIONS = [
    *("-n", "0", "-q", "-x", "-p", "no:cacheprovider", "--no-header", "--tb=no", "--hypothesis-seed=0"),
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),  # of what was imported before
]


# --- errors ------------------------------------------------------------------------------------------------------------------

COMPARE = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
BINARY = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.Pow: ast.Mult,
}  # fmt: skip
NAMES = {
    "min": "max", "max": "min", "any": "all", "all": "any", "minimum": "maximum", "maximum": "minimum", "floor": "ceil",
    "ceil": "floor", "zeros": "ones", "ones": "zeros", "append": "insert", "cumsum": "cumprod", "mean": "sum",
}  # fmt: skip


def errors_of(node):
    """The errors that a node can have, each a function that makes it of a copy."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        yield lambda n: setattr(n, "ops", [COMPARE[type(n.ops[0])]()])
    elif isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in BINARY:
        yield lambda n: setattr(n, "op", BINARY[type(n.op)]())
    elif isinstance(node, ast.BoolOp):
        yield lambda n: setattr(n, "op", ast.Or() if isinstance(n.op, ast.And) else ast.And())
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub | ast.Invert):
        yield lambda n: n.operand
    elif isinstance(node, ast.Constant) and type(node.value) in (bool, int, float) and not hasattr(node, "is_rest"):
        kind = type(node.value)
        yield lambda n: setattr(
            n, "value", not n.value if kind is bool else n.value + 1 if kind is int else 2 * n.value + 1
        )
    elif isinstance(node, ast.If | ast.IfExp):
        yield lambda n: setattr(n, "test", ast.UnaryOp(ast.Not(), n.test))
    elif isinstance(node, ast.Slice):
        for end in ("lower", "upper"):
            if not isinstance(getattr(node, end), ast.Constant | None):
                yield lambda n, end=end: setattr(n, end, ast.BinOp(getattr(n, end), ast.Add(), ast.Constant(1)))
    elif isinstance(node, ast.Name) and node.id in ("min", "max", "any", "all"):
        yield lambda n: setattr(n, "id", NAMES[n.id])
    elif isinstance(node, ast.Attribute) and node.attr in NAMES and isinstance(node.ctx, ast.Load):
        yield lambda n: setattr(n, "attr", NAMES[n.attr])
    elif isinstance(node, ast.Raise) or _does_something(node):
        yield lambda n: ast.Pass()


def _does_something(node):
    """Whether a statement can be left out, and nothing but its effect is gone."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Call)
    return isinstance(node, ast.AugAssign) or (
        isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute | ast.Subscript)
    )


def _parts(node):
    """The nodes below one that are looked at: no annotations, decorators, texts of errors."""
    if isinstance(node, ast.Raise | ast.JoinedStr | ast.Import | ast.ImportFrom):
        return
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        return
    if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
        return
    if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "reshape":
        for each in node.args:
            if isinstance(each, ast.UnaryOp):
                each.operand.is_rest = True  # NumPy takes -2 for -1
    for field, value in ast.iter_fields(node):
        if field not in ("annotation", "returns", "decorator_list", "type_comment"):
            yield from (each for each in (value if isinstance(value, list) else [value]) if isinstance(each, ast.AST))


def nodes_of(tree, function=""):
    """Every node that is looked at, with the function that it is in: "" outside of any."""
    for node in _parts(tree):
        yield node, function
        inner = isinstance(node, ast.FunctionDef) and not function
        yield from nodes_of(node, name_of(node) if inner else function)


def name_of(node):
    """A function by its name and place, as methods of two classes may have one name."""
    return f"{node.name}:{node.lineno}"


def module_of(path):
    """The name that a file is imported by."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


class Mutant:
    """A module with an error."""

    def __init__(self, path, number, error):
        self.path, self.number, self.error = path, number, error
        self.module = module_of(path)
        self.text = path.read_text()

    def made(self):
        """The function, what was and what is, and the module's source."""
        tree = ast.parse(self.text)
        nodes = list(nodes_of(tree))
        node, function = nodes[self.number]
        changed = copy.deepcopy(node)
        replacement = list(errors_of(node))[self.error](changed) or changed
        was, line = ast.unparse(node).splitlines()[0], node.lineno if hasattr(node, "lineno") else 0

        class Replace(ast.NodeTransformer):
            def visit(self, n):
                return replacement if n is node else self.generic_visit(n)

        new = ast.fix_missing_locations(Replace().visit(tree))
        return function, line, was, ast.unparse(replacement).splitlines()[0], ast.unparse(new)

    def __str__(self):
        function, line, was, now, _ = self.made()
        context = self.text.splitlines()[line - 1].strip() if line else ""
        return f"{self.module}:{line} {function.split(':')[0]}: {was}  ->  {now}    | {context}"


def all_mutants(places=()):
    """Every mutant of the rooms, or of places."""
    for room in ROOMS:
        for path in sorted((PACKAGE / room).rglob("*.py")):
            file = path.relative_to(PACKAGE).as_posix()
            for number, (node, _) in enumerate(nodes_of(ast.parse(path.read_text()))):
                if not places or file in places or f"{file}:{getattr(node, 'lineno', 0)}" in places:
                    for error in range(len(list(errors_of(node)))):
                        yield Mutant(path, number, error)


# --- which tests -------------------------------------------------------------------------------------------------------------


class Calls:
    """A plugin of pytest: the functions of the rooms that each test calls, and how long it takes."""

    def __init__(self):
        self.tests, self.seconds = defaultdict(list), {}
        builtins.called_here = self.called = set()

    def pytest_runtest_setup(self, item):
        self.called.clear()
        self.began = time.perf_counter()

    def pytest_runtest_teardown(self, item):
        self.seconds[item.nodeid] = time.perf_counter() - self.began
        for each in sorted(self.called):
            self.tests[each].append(item.nodeid)


def noting(path):
    """The source of a module whose functions note that they are called."""
    tree = ast.parse(path.read_text())
    for node, function in list(nodes_of(tree)):
        if isinstance(node, ast.FunctionDef) and not function:
            note = ast.parse(f"called_here.add({module_of(path) + ':' + name_of(node)!r})").body
            node.body[1 if ast.get_docstring(node) is not None and len(node.body) > 1 else 0 : 0] = note
    return ast.unparse(ast.fix_missing_locations(tree))


def make_map(path, tests):
    """Run the tests of the rooms, or some, and write what each calls."""
    import pytest

    calls, file = Calls(), Path(path)
    before = json.loads(file.read_text()) if tests and file.exists() else {"seconds": {}, "functions": {}}
    sources = {module_of(file): (noting(file), file) for room in ROOMS for file in (PACKAGE / room).rglob("*.py")}
    sys.meta_path.insert(0, Finder(sources))
    folders = [str(ROOT / "tests" / room) for room in ROOMS]
    left_out = [f"--ignore-glob=*/{name}.py" for name in LEFT_OUT]
    pytest.main([*[each for each in OPTIONS if each != "-x"], *left_out, *(tests or folders)], plugins=[calls])
    for name, known in before["functions"].items():
        calls.tests[name] += [test for test in known if test not in calls.seconds]
    file.write_text(json.dumps({"seconds": {**before["seconds"], **calls.seconds}, "functions": calls.tests}))


def tests_for(mutant, known):
    """The shortest tests that call the mutant's function, or, outside of one, any of its module, or of all."""
    function, *_ = mutant.made()
    if function:
        own = [known["functions"].get(f"{mutant.module}:{function}", [])]
    else:
        own = [tests for name, tests in known["functions"].items() if name.startswith(f"{mutant.module}:")]
    seconds, total, found = known["seconds"], 0.0, []
    if not any(own):  # of a module without functions, such as one that declares parameters
        own = known["functions"].values()
    own = {test for tests in own for test in tests} - set(known.get("failing", ()))
    for test in sorted(own, key=lambda test: seconds.get(test, 0)):
        total += seconds.get(test, 0)
        if total > BUDGET and found:
            break
        found.append(test)
    return found


# --- running -----------------------------------------------------------------------------------------------------------------


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports other sources, by module, than those of the files."""

    def __init__(self, sources):
        self.sources = sources

    def find_spec(self, name, path=None, target=None):
        if name not in self.sources:
            return None
        file = self.sources[name][1]
        inside = [str(file.parent)] if file.name == "__init__.py" else None
        return importlib.util.spec_from_file_location(name, file, loader=self, submodule_search_locations=inside)

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        source, file = self.sources[module.__name__]
        exec(compile(source, file, "exec"), module.__dict__)


def preload():
    """Import what mutants share, and load the kernels."""
    for name in (
        "pandas",
        "sklearn.utils.estimator_checks",
        "hypothesis",
        "pytest",
        "polars",
        "xarray",
        "onnxruntime",
        "onnx",
    ):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    import hypothesis
    import numpy as np

    from grukit import GRUClassifier, GRUForecaster, GRURegressor

    hypothesis.settings.register_profile("mutants", database=None)  # what fails here is of no use later
    hypothesis.settings.load_profile("mutants")
    X = np.random.default_rng(0).normal(size=(80, 2))
    for dtype in ("float32", "float64"):
        settings = {"window": 5, "max_iter": 2, "dtype": dtype}
        GRURegressor(4, **settings).fit(X, X[:, 0]).predictor()(X[:5])
        GRUClassifier(4, **settings).fit(X, X[:, 0] > 0).predict(X)
        GRUForecaster(hidden_layer_sizes=4, horizon=2, **settings).fit(X[:, 0]).predict()


def forget():
    """Drop the modules of the rooms, so that they are imported anew."""
    kept = {name: module for name, module in sys.modules.items() if name.startswith(KEPT)}
    for name in [name for name in sys.modules if name.split(".")[0] == "grukit"]:
        del sys.modules[name]
    sys.modules.update(kept)


def code_of(mutant, tests, quiet):
    """In a child: the code of pytest."""
    import pytest

    *_, source = mutant.made()
    forget()
    sys.meta_path.insert(0, Finder({mutant.module: (source, mutant.path)}))
    out = io.StringIO() if quiet else sys.stdout
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        return int(pytest.main([*OPTIONS, *tests]))


class Failing:
    """A plugin of pytest: the tests that fail."""

    def __init__(self):
        self.tests = []

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.tests.append(report.nodeid)


def failing(tests):
    """Those that fail in a child without any error, which say nothing: they look for modules by their files, say."""
    import pytest

    with tempfile.NamedTemporaryFile("r") as told:
        child = os.fork()
        if child == 0:
            try:
                forget()
                plugin = Failing()
                with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                    pytest.main([*[each for each in OPTIONS if each != "-x"], *tests], plugins=[plugin])
                Path(told.name).write_text(json.dumps(plugin.tests))
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        return json.loads(told.read())


def start(mutant, tests):
    """A child that tests it."""
    child = os.fork()
    if child:
        return child
    code = BROKEN
    try:
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        for each in (1, 2):
            os.dup2(null, each)
        code = code_of(mutant, tests, quiet=True)
    finally:
        os._exit(code)


def run(known, mutants, at_once):
    """What came of each mutant: found, a hang, survived, or no test calls it; of those so far where Ctrl-C comes."""
    waiting, running, results = list(mutants), {}, []

    def came(mutant, what):
        results.append((mutant, what))
        if what not in ("found", "hangs"):
            print(f"{what}: {mutant}", flush=True)

    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                mutant = waiting.pop(0)
                if tests := tests_for(mutant, known):
                    running[start(mutant, tests)] = mutant, time.monotonic()
                else:
                    came(mutant, "no test calls it")
            for child, (mutant, began) in list(running.items()):
                if what := end_of(child, began):
                    del running[child]
                    came(mutant, what)
            time.sleep(0.02)
    except KeyboardInterrupt:
        for child in running:
            end_of(child, -LIMIT)
    return results


def end_of(child, began):
    """How a child ended, which is ended where it took too long; "" while it runs."""
    done, status = os.waitpid(child, os.WNOHANG)
    if not done and time.monotonic() - began < LIMIT:
        return ""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # also what its tests had started
    if not done:
        os.waitpid(child, 0)
        return "hangs"
    code = os.waitstatus_to_exitcode(status)
    assert code != BROKEN, "this script is wrong"
    return "survived" if code == 0 else "found"


def reasons():
    """What is known to change nothing, by module and change."""
    path = Path(__file__).with_suffix(".txt")
    lines = path.read_text().splitlines() if path.exists() else []
    return dict(line.rsplit("  # ", 1) for line in lines if "  # " in line)


def key_of(mutant, known):
    """A mutant, by what does not change with lines; with the text of its line where it is ``known`` by that."""
    function, line, was, now, _ = mutant.made()
    key = f"{mutant.module} {function.split(':')[0]}: {was} -> {now}"
    whole = f"{key} | {mutant.text.splitlines()[line - 1].strip()}"
    return whole if whole in known else key


def main():
    """Print what survived, and counts."""
    what, path, *arguments = sys.argv[1:]
    os.chdir(ROOT)
    if what == "map":
        make_map(path, arguments)
        return 0
    known = json.loads(Path(path).read_text())
    preload()
    if what == "one":
        [mutant] = [each for each in all_mutants() if each.module == arguments[0] and each.number == int(arguments[1])][
            :1
        ]
        print(mutant, tests_for(mutant, known), sep="\n")
        return code_of(mutant, tests_for(mutant, known), quiet=False)
    numbers = [*arguments[:3], *("400", "0", "2")[len(arguments) :]]
    n, seed, at_once = (int(each) for each in numbers)
    every = list(all_mutants(arguments[3:]))
    drawn = random.Random(seed).sample(every, min(n, len(every)))
    known["failing"] = failing(sorted({test for mutant in drawn for test in tests_for(mutant, known)}))
    print(f"{len(known['failing'])} tests fail without any error, and are left out: {known['failing']}")
    began, results, known_equal = time.monotonic(), run(known, drawn, at_once), reasons()
    counts, seconds = Counter(what for _, what in results), time.monotonic() - began
    print(f"{len(results)} of {len(every)} mutants in {seconds:.0f} s: {dict(counts)}")
    left = [mutant for mutant, what in results if what not in ("found", "hangs")]
    equal = [key for key in (key_of(mutant, known_equal) for mutant in left) if key in known_equal]
    print(f"{len(left) - len(equal)} were not found, besides {len(equal)} that change nothing:")
    for key in equal:
        print(f"  {key}: {known_equal[key]}")
    return len(left) > len(equal)


if __name__ == "__main__":
    sys.exit(main())

"""Mutation testing: the package with one small error at a time, which a test must find.

    python tests/mutants.py map FILE                     # which tests call which functions: run all tests of the rooms, once
    python tests/mutants.py run FILE [number] [seed] [at once]
    python tests/mutants.py one FILE MODULE NUMBER       # what one mutant is, and what tests say of it

Errors are comparisons turned round or off by one, other operators, other constants, conditions negated, bounds of slices off
by one, `min` for `max`, statements left out. They are drawn by chance from all that there are in the rooms, and each runs the
tests that call the function it is in, shortest first, up to ``BUDGET`` seconds of them, in a process that is forked from one
with the kernels loaded. What no test finds is printed, with the reason from ``mutants.txt`` where it changes nothing.
"""

import ast
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
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "grukit"
ROOMS = ("data", "train", "estimators", "interchange", "files")
TESTED_BY = (*ROOMS, "inspection")
KEPT = ("grukit.kernels", "grukit.engines", "grukit.model", "grukit.cores")  # loaded once, before processes are forked
BUDGET, LIMIT = 25.0, 120.0  # seconds of tests for a mutant, and after which it counts as found: it hangs
OPTIONS = ["-n", "0", "-q", "-x", "-p", "no:cacheprovider", "--no-header", "--tb=no", "--hypothesis-seed=0"]


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
    elif isinstance(node, ast.Constant) and type(node.value) in (bool, int, float):
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
    for field, value in ast.iter_fields(node):
        if field not in ("annotation", "returns", "decorator_list", "type_comment"):
            yield from (each for each in (value if isinstance(value, list) else [value]) if isinstance(each, ast.AST))


def nodes_of(tree, function=""):
    """Every node that is looked at, with the function that it is in: "" outside of any."""
    for node in _parts(tree):
        yield node, function
        inner = isinstance(node, ast.FunctionDef) and not function
        yield from nodes_of(node, f"{node.name}:{node.lineno}" if inner else function)


class Mutant:
    """A module with an error."""

    def __init__(self, path, number, error):
        self.path, self.number, self.error = path, number, error
        parts = path.relative_to(ROOT).with_suffix("").parts
        self.module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
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


def all_mutants():
    """Every mutant of the rooms."""
    for room in ROOMS:
        for path in sorted((PACKAGE / room).rglob("*.py")):
            for number, (node, _) in enumerate(nodes_of(ast.parse(path.read_text()))):
                for error in range(len(list(errors_of(node)))):
                    yield Mutant(path, number, error)


# --- which tests -------------------------------------------------------------------------------------------------------------


class Calls:
    """A plugin of pytest: the functions of the rooms that each test calls, and how long it takes."""

    def __init__(self):
        self.tests, self.called, self.seconds = defaultdict(set), set(), {}

    def profile(self, frame, event, argument):
        if event == "call" and (code := frame.f_code).co_filename.startswith(str(PACKAGE)):
            self.called.add((code.co_filename, code.co_name, code.co_firstlineno))

    def pytest_runtest_setup(self, item):
        self.called.clear()
        self.began = time.perf_counter()
        threading.setprofile(self.profile)
        sys.setprofile(self.profile)

    def pytest_runtest_teardown(self, item):
        sys.setprofile(None)
        threading.setprofile(None)
        self.seconds[item.nodeid] = time.perf_counter() - self.began
        for each in self.called:
            self.tests[each].add(item.nodeid)


def make_map(path):
    """Run the tests of the rooms, and write what each calls."""
    import pytest

    calls = Calls()
    folders = [str(ROOT / "tests" / room) for room in TESTED_BY]
    pytest.main([*[each for each in OPTIONS if each != "-x"], *folders], plugins=[calls])
    lines = defaultdict(list)  # a decorated function's first line is that of its decorator
    for (file, name, line), tests in calls.tests.items():
        module = str(Path(file).relative_to(ROOT))
        lines[module].append((name, line, sorted(tests)))
    Path(path).write_text(json.dumps({"seconds": calls.seconds, "functions": lines}))


def tests_for(mutant, known):
    """The shortest tests that call the mutant's function, or, outside of one, any of its module."""
    function, *_ = mutant.made()
    functions = known["functions"].get(str(mutant.path.relative_to(ROOT)), [])
    if function:
        name, first = function.split(":")
        own = [tests for called, at, tests in functions if called == name and -10 < at - int(first) <= 0]
    else:
        own = [tests for *_, tests in functions]
    seconds, total, found = known["seconds"], 0.0, []
    for test in sorted({test for tests in own for test in tests}, key=lambda test: seconds.get(test, 0)):
        total += seconds.get(test, 0)
        if total > BUDGET and found:
            break
        found.append(test)
    return found


# --- running -----------------------------------------------------------------------------------------------------------------


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports the mutant instead of the module."""

    def __init__(self, module, source, path):
        self.module, self.source, self.path = module, source, str(path)

    def find_spec(self, name, path=None, target=None):
        if name != self.module:
            return None
        return importlib.util.spec_from_file_location(name, self.path, loader=self)

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        exec(compile(self.source, self.path, "exec"), module.__dict__)


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
    sys.meta_path.insert(0, Finder(mutant.module, source, mutant.path))
    out = io.StringIO() if quiet else sys.stdout
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        return int(pytest.main([*OPTIONS, *tests]))


def start(mutant, tests):
    """A child that tests it."""
    child = os.fork()
    if child:
        return child
    code = 99
    try:
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        for each in (1, 2):
            os.dup2(null, each)
        code = code_of(mutant, tests, quiet=True)
    except BaseException:
        code = 98  # it cannot even be imported
    finally:
        os._exit(code)


def run(known, mutants, at_once):
    """What came of each mutant: found, a hang, survived, or no test calls it."""
    waiting, running, results = list(mutants), {}, []
    while waiting or running:
        while waiting and len(running) < at_once:
            mutant = waiting.pop(0)
            tests = tests_for(mutant, known)
            if tests:
                running[start(mutant, tests)] = mutant, time.monotonic()
            else:
                results.append((mutant, "no test calls it"))
                print(f"{results[-1][1]}: {mutant}", flush=True)
        for child, (mutant, began) in list(running.items()):
            done, status = os.waitpid(child, os.WNOHANG)
            if not done and time.monotonic() - began < LIMIT:
                continue
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)  # also what its tests had started
            if not done:
                os.waitpid(child, 0)
            code = os.waitstatus_to_exitcode(status) if done else None
            results.append((mutant, "hangs" if code is None else "survived" if code == 0 else "found"))
            del running[child]
            if code == 0:
                print(f"survived: {mutant}", flush=True)
        time.sleep(0.02)
    return results


def reasons():
    """What is known to change nothing, by module and change."""
    path = Path(__file__).with_suffix(".txt")
    lines = path.read_text().splitlines() if path.exists() else []
    return dict(line.rsplit("  # ", 1) for line in lines if "  # " in line)


def key_of(mutant):
    """A mutant, by what does not change with lines."""
    function, _, was, now, _ = mutant.made()
    return f"{mutant.module} {function.split(':')[0]}: {was} -> {now}"


def main():
    """Print what survived, and counts."""
    what, path, *arguments = sys.argv[1:]
    os.chdir(ROOT)
    if what == "map":
        make_map(path)
        return 0
    known = json.loads(Path(path).read_text())
    preload()
    if what == "one":
        [mutant] = [each for each in all_mutants() if each.module == arguments[0] and each.number == int(arguments[1])][
            :1
        ]
        print(mutant, tests_for(mutant, known), sep="\n")
        return code_of(mutant, tests_for(mutant, known), quiet=False)
    n, seed, at_once = (int(each) for each in [*arguments, *("300", "0", "2")[len(arguments) :]])
    every = list(all_mutants())
    drawn = random.Random(seed).sample(every, min(n, len(every)))
    began, results, known_equal = time.monotonic(), run(known, drawn, at_once), reasons()
    counts, seconds = Counter(what for _, what in results), time.monotonic() - began
    print(f"{len(drawn)} of {len(every)} mutants in {seconds:.0f} s: {dict(counts)}")
    left = [mutant for mutant, what in results if what not in ("found", "hangs")]
    equal = [mutant for mutant in left if key_of(mutant) in known_equal]
    print(f"{len(left) - len(equal)} were not found, besides {len(equal)} that change nothing:")
    for mutant in equal:
        print(f"  {key_of(mutant)}: {known_equal[key_of(mutant)]}")
    return len(left) > len(equal)


if __name__ == "__main__":
    sys.exit(main())

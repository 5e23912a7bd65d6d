"""The two ways to compile: with Numba's private names, and with its public ones only, which must give the same bits."""

import os
import re

import pytest
from child import run_code
from thorough import FULL

from grukit.kernels.cpu.compiler import choice

PLAIN = {choice.VARIABLE: "1"}
FAST = {choice.VARIABLE: ""}


FIT = """
import hashlib, sys
import numpy as np
from grukit import GRURegressor
X = np.random.default_rng(0).normal(size=(120, 3))
y = X[:, :2] * X[:, 1:]
if options.get("missing"):
    X[::7, 1] = np.nan
model = GRURegressor((5, 17), window=6, max_iter=3, batch_size=50, random_state=0, **options).fit(X, y)
outputs = [*model.weights_.values(), model.predict(X)]
if not options.get("missing"):
    outputs.append(model.predictor()(X[:6]))
print(hashlib.sha256(b"".join(np.ascontiguousarray(each).tobytes() for each in outputs)).hexdigest())
"""

# Each takes half a minute to compile the plain way, so .ci/run alone does, in its plain run. Together they have all cells and
# options, and both types.
DROPOUT = {"dropout": 0.3, "recurrent_dropout": 0.4}
FITS = {
    "no options": {},
    "decay": {"cell": "gru_reset_before", "missing": "decay", "dtype": "float64", "solver": "rmsprop", **DROPOUT},
    "both directions": {
        "cell": "dual_state",
        "bidirectional": True,
        "initial_state": "learned",
        "loss": "huber",
        **DROPOUT,
    },
}


@pytest.mark.parametrize("options", FITS.values(), ids=FITS)
def test_both_ways_give_the_same_bits(options):
    if not os.environ.get(choice.VARIABLE):
        pytest.skip(f"runs where {choice.VARIABLE} is set")
    code = f"options = {options!r}\n{FIT}"
    assert len({run_code(code, **way)[0] for way in (PLAIN, FAST)}) == 1


TRY = """
import warnings
warnings.simplefilter("default")
from grukit.engines import select_engine
from grukit.model import NetworkSpec
import numpy as np
kernels = select_engine("cpu").kernels
states = np.ones(8)
kernels.begin_states(NetworkSpec("gru", 1, (2,), 1).for_kernels(kernels), np.zeros(33), 4, states)
print(states.sum(), kernels.COMPILING)
"""
NEWER = "import numba\nnumba.__version__ = '99.1.0'\n"


@pytest.mark.thorough
@pytest.mark.skipif(not FULL, reason="compiles kernels of its own; GRUKIT_FULL_TESTS=1")
def test_on_request_the_kernels_are_compiled_plainly_and_cached_apart(tmp_path):
    for way in (PLAIN, FAST):
        output, errors = run_code(TRY, NUMBA_CACHE_DIR=str(tmp_path), **way)
        assert output.startswith("0.0 ") and errors == ""
        assert ("GRUKIT_PLAIN_NUMBA is set" in output) == (way is PLAIN)
    assert len(list(tmp_path.rglob("*begin_states*.nbc"))) == 2
    count = "print(sum(kernels.begin_states.stats.cache_hits.values()))"
    assert [run_code(TRY + count, NUMBA_CACHE_DIR=str(tmp_path), **way)[0].split()[-1] for way in (PLAIN, FAST)] == [
        "1",
        "1",
    ]


# A module of Numba's as ours find it when they import it; Numba has imported it before.
OTHER = """
import sys, types, numba
import numba.core.{module} as module
names = vars(module).copy()
{change}
sys.modules[module.__name__] = types.SimpleNamespace(**names)
"""
UNLIKE = """
def finalize(self):
    raise TypeError("not like this any more")
names["PassManager"] = type("PassManager", (module.PassManager,), {"finalize": finalize})
"""


@pytest.mark.parametrize(
    ("module", "change", "reason"),
    [
        ("event", "del names['register']", "ImportError: cannot import name 'register'"),
        ("codegen", "names['JITCodeLibrary'] = object", "AttributeError: .*'_finalize_dynamic_globals'"),
        ("compiler_machinery", NEWER + UNLIKE, "TypeError: not like this any more"),
    ],
    ids=["a function", "a method", "what only the check finds"],
)
def test_where_a_private_name_is_gone_the_plain_way_is_taken_with_a_warning(tmp_path, module, change, reason):
    code = OTHER.replace("{module}", module).replace("{change}", change) + TRY
    output, errors = run_code(code, NUMBA_CACHE_DIR=str(tmp_path), **FAST)
    assert output.startswith("0.0 the plain way")
    assert errors.count("RuntimeWarning") == 1
    assert re.search(rf"Numba \S+ is not as grukit's kernels know it \(.*{reason}", errors)


def test_a_newer_numba_is_checked_once_and_then_from_the_cache(tmp_path):
    for _ in range(2):
        output, errors = run_code(NEWER + TRY, NUMBA_CACHE_DIR=str(tmp_path), **FAST)
        assert output == f"0.0 {choice.FAST}\n" and errors == ""
    assert len(list(tmp_path.rglob("check.*.nbc"))) == 1

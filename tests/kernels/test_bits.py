"""A float32 fit has the same bits on processors with AVX2 and with AVX-512, whatever LLVM makes of the loops for them."""

import llvmlite.binding as llvm
import pytest
from child import run_code
from thorough import FULL

# Processors, and how many of the fits. Compiling takes 8 s each, so all are for .ci/run, which sets the variable.
PROCESSORS = {"x86-64-v3": 5, "haswell": 2} if FULL else {"haswell": 1}
FITS = """
import hashlib
import sys
import numpy as np
import pandas as pd
from grukit import GRURegressor

rng = np.random.default_rng(0)
X = pd.DataFrame(rng.normal(size=(90, 3)), pd.date_range("2000", periods=90, freq="h"), list("abc"))
y = np.sin(X).sum(axis=1).rename("y")
for options in (
    {},
    {"hidden_layer_sizes": (50,)},
    {"cell": "gru_reset_before", "solver": "adamw"},
    {"cell": "dual_state", "bidirectional": True, "dropout": 0.2, "recurrent_dropout": 0.2},
    {"missing": "decay"},
)[:int(sys.argv[1])]:
    options = {"hidden_layer_sizes": (7,), "window": 12, "max_iter": 2, "batch_size": 40, "random_state": 0, **options}
    table = X.mask(X > 1) if "missing" in options else X
    model = GRURegressor(**options).fit(table, y)
    numbers = [*model.weights_.values(), model.predict(table).to_numpy()]
    print(options, *(hashlib.sha256(np.ascontiguousarray(each).tobytes()).hexdigest()[:8] for each in numbers))
"""


def fits(n, **environment):
    return run_code(FITS, n, **environment)[0].splitlines()


@pytest.mark.thorough
@pytest.mark.skipif(
    not llvm.get_host_cpu_features().get("fma") or llvm.get_process_triple().split("-")[0] != "x86_64",
    reason="no processor with fused multiply-adds",
)
def test_a_fit_has_the_same_bits():
    here = fits(max(PROCESSORS.values()))
    assert len(here) == max(PROCESSORS.values())
    for name, n in PROCESSORS.items():
        # Without features of its own Numba adds those of the processor at hand to those of the name.
        assert fits(n, NUMBA_CPU_NAME=name, NUMBA_CPU_FEATURES="") == here[:n], name

"""The guide about other libraries: its examples are run here, where those are installed."""

import doctest
import warnings
from pathlib import Path

import pytest

for name in ("sktime", "skforecast", "mlforecast", "mapie", "optuna"):
    pytest.importorskip(name, reason=f"{name} is not installed: pip install 'grukit[test-neighbours]'")

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "neighbours.md"


def test_examples_print_what_the_guide_says():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The default of config", FutureWarning)  # of sktime, at every construction
        failed, tried = doctest.testfile(str(GUIDE), module_relative=False)
    assert failed == 0 and tried > 40

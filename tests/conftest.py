"""The order of the files: the longest first, so that both processes of a run end at about the same time.

The first two have little in common to compile; what follows finds most of its kernels on disk.
"""

from pathlib import Path

import pytest

HERE = Path(__file__).parent
FIRST = [
    "train/test_problem.py",
    "model/test_network.py",
    "estimators/test_defaults.py",
    "estimators/test_scikit_learn_checks.py",
    "test_cli.py",
    "kernels/test_bits.py",
    "kernels/test_cache.py",
    "kernels/test_memory.py",
    "fuzz/test_fuzz.py",
    "estimators/test_options.py",
    "test_processes.py",
    "kernels/test_plain_numba.py",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put those files first; the others stay in their order."""
    places = {HERE / name: place for place, name in enumerate(FIRST)}
    items.sort(key=lambda item: places.get(item.path, len(FIRST)))

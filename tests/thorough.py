"""What takes long and proves what others nearly prove: for .ci/run, which sets ``GRUKIT_FULL_TESTS``.

A kernel is compiled for each cell, for each of its options and for each type of number, which takes 4 to 15 s of a core. So
the plain run has each option with the first cell and all of them together with the second, and trains networks other than the
plain one in float64 alone. What the variable adds has the marker ``thorough``: ``-m thorough`` runs that alone.
"""

import os

import pytest

FULL = bool(os.environ.get("GRUKIT_FULL_TESTS"))


def if_full(*cases):
    """The cases, each the values of a parametrised test, where all are wanted; otherwise none."""
    each = [case if isinstance(case, tuple) else (case,) for case in cases if FULL]
    return [pytest.param(*case, marks=pytest.mark.thorough) for case in each]

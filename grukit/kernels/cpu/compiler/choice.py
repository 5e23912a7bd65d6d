"""Whether the kernels are compiled with Numba's private names, or the plain way, with its public ones only."""

import os
import re
import warnings
from importlib import import_module
from typing import Any

import numba

VARIABLE = "GRUKIT_PLAIN_NUMBA"
TESTED = (0, 68)  # the newest version of Numba with which all tests have been run
FAST = "fast, with private names of Numba"


def internals(modules: str, sources: str) -> tuple[Any, str]:
    """Import the module of private names; returns it, or None where it cannot be used, and a sentence for users.

    modules  what the names of the modules with kernels begin with
    sources  digest of the sources of the kernels

    Nothing is compiled with a tested version of Numba. With a newer one :mod:`.check` is, once, and then cached on disk.

    Warns
    -----
    RuntimeWarning
        Where a name is missing or the check fails.
    """
    if os.environ.get(VARIABLE, "") not in ("", "0"):
        return None, f"the plain way, several times as slow: {VARIABLE} is set"
    try:
        return _checked(modules, sources), FAST
    except Exception as error:  # whatever another Numba may raise
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"[:200]
    warnings.warn(
        f"Numba {numba.__version__} is not as grukit's kernels know it ({reason}). They are compiled the plain way, which "
        "takes several times as long and changes no result. A newer grukit may know this Numba.",
        RuntimeWarning,
        stacklevel=1,  # one place, so that it is shown once
    )
    return None, f"the plain way, several times as slow. {reason}"


def _checked(modules: str, sources: str) -> Any:
    module = import_module("grukit.kernels.cpu.compiler.internals")
    if _version() > TESTED:
        import_module("grukit.kernels.cpu.compiler.check").check(sources)
    module.collect_less(modules)
    return module


def _version() -> tuple[int, ...]:
    found = re.match(r"(\d+)\.(\d+)", numba.__version__)
    return tuple(int(number) for number in found.groups()) if found else TESTED

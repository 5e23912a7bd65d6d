"""Code that runs in a process of its own: what could hang, crash or disturb other tests, or needs another environment."""

import os
import subprocess
import sys
from pathlib import Path

import grukit

# Where the package is that the tests import, which may be an installed one: from elsewhere a process would import that of
# the checkout, whose kernels it would compile again.
PLACE = Path(grukit.__file__).parents[1]


def run_code(code, *arguments, cwd=PLACE, **environment):
    """Run code in a new process with warnings as errors, at most ten minutes; returns its standard output and error."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-c", code, *map(str, arguments)],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr

"""Ctrl-C: the first ends the fit that runs, a second at once whatever runs it, such as a grid search."""

import time

AT_ONCE = 2.0  # seconds
_last = [-float("inf")]  # when the last one came, in this process


def interrupted_again() -> bool:
    """Take note of a Ctrl-C; whether it is the second within ``AT_ONCE`` seconds."""
    now = time.monotonic()
    again = now - _last[0] <= AT_ONCE
    _last[0] = now
    return again

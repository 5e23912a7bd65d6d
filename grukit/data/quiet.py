"""Warnings of other libraries that say nothing to the user, kept back."""

import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# What is ignored is said to the whole process: of two threads that leave in another order than they came, the first would
# take away what the second relies on, and the second would leave it there for good.
_lock = threading.RLock()


@contextmanager
def quiet(message: str = "") -> Iterator[None]:
    """Ignore warnings whose text begins so, a regular expression, all of them without one; one thread at a time."""
    with _lock, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=message)
        yield


@contextmanager
def with_filters(change: Callable[[], None]) -> Iterator[None]:
    """The process's filters as ``change`` leaves them, then as they were; neither begins while a thread is in :func:`quiet`.

    Otherwise what that ignores would be shown after all, or ignored for good.
    """
    caught = warnings.catch_warnings()
    with _lock:
        caught.__enter__()
        change()
    try:
        yield
    finally:
        with _lock:
            caught.__exit__(None, None, None)

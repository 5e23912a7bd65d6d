"""Warnings that are kept back, in several threads."""

import threading
import warnings

import pytest

from grukit.data import quiet


def test_what_begins_so_is_ignored_and_nothing_else():
    with quiet("the f"):
        warnings.warn("the first", stacklevel=1)
        with pytest.raises(UserWarning, match="a second"):
            warnings.warn("a second", stacklevel=1)
    with pytest.raises(UserWarning, match="the first"):
        warnings.warn("the first", stacklevel=1)


def test_threads_that_leave_in_the_order_in_which_they_came_leave_the_filters_as_they_were():
    before, inside, left = warnings.filters.copy(), threading.Event(), threading.Event()

    def second():
        with quiet():
            inside.set()
            left.wait(1)

    other = threading.Thread(target=second)
    with quiet():
        other.start()
        inside.wait(0.2)  # in vain: the other waits for this one
        assert not inside.is_set()
    left.set()
    other.join()
    assert inside.is_set() and warnings.filters == before

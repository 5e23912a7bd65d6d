"""Warnings that are kept back, in several threads."""

import threading
import warnings

import pytest

from grukit.data import quiet, with_filters


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


def test_filters_change_and_change_back_while_nobody_is_quiet():
    before, inside, left = warnings.filters.copy(), threading.Event(), threading.Event()

    def other():
        with with_filters(lambda: warnings.simplefilter("always", ResourceWarning)):
            inside.set()
            left.wait(1)

    thread = threading.Thread(target=other)
    with quiet("the f"):
        thread.start()
        inside.wait(0.2)  # in vain, and what is ignored is ignored
        assert not inside.is_set()
        warnings.warn("the first", stacklevel=1)
    assert inside.wait(1) and warnings.filters[0][0] == "always"
    with quiet("the f"):
        left.set()
        thread.join(0.2)
        assert thread.is_alive()
        warnings.warn("the first", stacklevel=1)
    thread.join()
    assert warnings.filters == before

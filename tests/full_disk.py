"""A disk that is full: no file of this process may be larger than so many bytes."""

import signal
from contextlib import contextmanager


@contextmanager
def limited(size):
    """Let no file be larger: a write beyond is the error that a full disk gives."""
    import resource  # which Windows lacks

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)

"""Numba-accelerated gated recurrent units for pandas time series."""

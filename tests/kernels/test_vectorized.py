"""The gate loops are vector code, in both directions. This looks at the machine code; it times nothing."""

import platform
import re

import numpy as np
import pytest
from numba import njit

from grukit.kernels.cpu.cells.dropout import _drop
from grukit.kernels.cpu.cells.gru_gates import step_backward, step_forward, step_in_lanes, step_of_row
from grukit.kernels.scalar import FASTMATH

pytestmark = pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="reads x86 instructions")


def count(asm, operation):
    """How often an instruction on vectors of float32 of at least 256 bits occurs."""
    return len(re.findall(rf"v{operation}ps\s.*%[yz]mm", asm))


def test_the_gate_loops_of_the_forward_step():
    @njit(fastmath=FASTMATH, error_model="numpy")
    def step(products, h_previous, gates, t, h):
        step_forward(products, h_previous, gates, t, h)

    f = np.float32
    step(np.zeros((4, 8), f), np.zeros(8, f), np.zeros((4, 1, 8), f), 0, np.zeros(8, f))
    (asm,) = step.inspect_asm().values()
    assert count(asm, "div") >= 3  # one each for r, z and n
    assert count(asm, r"fn?m\w+") >= 20  # the polynomials of three activations
    assert len(re.findall(r"vmovups\s+%[yz]mm\d+, ", asm)) >= 5  # h and four planes are stored as vectors


@pytest.mark.parametrize(("function", "gates"), [(step_of_row, (24,)), (step_in_lanes, (3, 8))])
def test_the_gate_loops_of_inference(function, gates):
    @njit(fastmath=FASTMATH, error_model="numpy")
    def step(gates, candidates, h):
        function(gates, candidates, h)

    f = np.float32
    step(np.zeros(gates, f), np.zeros(8, f), np.zeros(8, f))
    (asm,) = step.inspect_asm().values()
    assert count(asm, "div") >= 3  # one each for r, z and n
    assert count(asm, r"fn?m\w+") >= 20  # the polynomials of three activations


def test_the_gate_loop_of_the_backward_step():
    @njit(fastmath=FASTMATH, error_model="numpy")
    def step(d_states, h_previous, gates, t, through, d):
        step_backward(d_states, h_previous, gates, t, through, d)

    f = np.float32
    step(np.zeros((0, 2, 4), f), np.zeros(8, f), np.zeros((4, 1, 8), f), 0, np.zeros(8, f), np.zeros(8, f))
    (asm,) = step.inspect_asm().values()
    assert count(asm, "mul") + count(asm, r"fn?m\w+") >= 10
    assert len(re.findall(r"vmovups\s+%[yz]mm\d+, ", asm)) >= 5  # d and four planes are stored as vectors


def test_the_draws_of_dropout():
    @njit(fastmath=FASTMATH, error_model="numpy")
    def drop(key, values):
        _drop(key, 0.5, values)

    drop(np.uint32(1), np.zeros(8, np.float32))
    (asm,) = drop.inspect_asm().values()
    assert len(re.findall(r"vpmulld\s.*%[yz]mm", asm)) >= 2  # the two multiplications of the hash
    assert len(re.findall(r"vmov\w+ps\s+%[yz]mm\d+, ", asm)) >= 1  # the values are stored as vectors

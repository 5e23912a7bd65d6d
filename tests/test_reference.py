"""Proofs of the oracle: by hand, by central differences, by PyTorch and by the golden files."""

from pathlib import Path

import numpy as np
import pytest
import reference
from compare import relative_error

GOLDEN = Path(__file__).parent / "golden"
NETWORK_FILES = sorted(GOLDEN.glob("gru_*.npz"))
OPTIMISER_FILES = sorted(GOLDEN.glob("optim_*.npz"))
CELLS = ["gru", "gru_reset_before"]
LOSSES = [
    ("squared_error", None),
    ("absolute_error", None),
    ("huber", 0.7),
    ("quantile", 0.8),
    ("poisson", None),
    ("log_loss", None),
    ("cross_entropy", None),
]
T, B, D, SIZES, K = 4, 3, 2, (3, 2), 2
LENGTHS = np.array([2, 4, 1])
ROW_WEIGHTS = np.array([0.5, 2.0, 1.25])


def make_problem(seed, per_step=False):
    """Draw the weights, x, the initial states and the target of a two-layer network, none of them zero."""
    rng = np.random.default_rng(seed)
    weights = {}
    for k, (n_inputs, n_hidden) in enumerate(zip((D, *SIZES[:-1]), SIZES, strict=True)):
        weights[f"weight_ih_l{k}"] = rng.normal(size=(3 * n_hidden, n_inputs))
        weights[f"weight_hh_l{k}"] = rng.normal(size=(3 * n_hidden, n_hidden))
        weights[f"bias_ih_l{k}"] = rng.normal(size=3 * n_hidden)
        weights[f"bias_hh_l{k}"] = rng.normal(size=3 * n_hidden)
    weights["head.weight"] = rng.normal(size=(K, SIZES[-1]))
    weights["head.bias"] = rng.normal(size=K)
    x = rng.normal(size=(T, B, D))
    initial = [rng.normal(size=(B, n_hidden)) for n_hidden in SIZES]
    target = rng.normal(size=(T, B, K) if per_step else (B, K))
    return weights, x, initial, target


def as_target_of(name, numbers):
    """Numbers as they are, as zeros and ones, or in one column as numbers of classes."""
    if name == "cross_entropy":
        return np.argmax(numbers, axis=-1)[..., None]
    return 1.0 * (numbers > 0) if name == "log_loss" else numbers


def assert_network_gradients(cell, seed, per_step, lengths, name, parameter=None, row_weights=None):
    """Compare a network's gradients by all weights, x and initial states with central differences."""
    weights, x, initial, target = make_problem(seed, per_step)
    target = as_target_of(name, target)

    def value():
        outputs, _ = reference.network_forward(cell, weights, x, lengths, initial, per_step)
        return reference.loss(name, outputs, target, row_weights, parameter, lengths)[0]

    outputs, cache = reference.network_forward(cell, weights, x, lengths, initial, per_step)
    _, d_outputs = reference.loss(name, outputs, target, row_weights, parameter, lengths)
    gradients, d_x, d_initial = reference.network_backward(d_outputs, cache)

    assert gradients.keys() == weights.keys()
    pairs = [(gradients[key], weights[key]) for key in weights]
    pairs += [(d_x, x), *zip(d_initial, initial, strict=True)]
    for analytic, array in pairs:
        assert relative_error(analytic, reference.central_difference(value, array)) < 1e-6


# --- By hand -----------------------------------------------------------------------------------------


def test_sigmoid():
    a = np.array([-1000.0, -40.0, 0.0, np.log(3), 1000.0])
    np.testing.assert_allclose(reference.sigmoid(a), [0, np.exp(-40), 0.5, 0.75, 1], rtol=1e-14)


def run_hand_step(cell, b_in):
    """Run one step of one unit, with x = 3 and h' = 2, forward and with the gradient 1 backward."""
    # Gates in the order r, z, n. The logarithms are chosen for round numbers:
    # sigmoid(-log 3) = 1/4, sigmoid(log 3) = 3/4, tanh(log 2) = (2 - 1/2) / (2 + 1/2) = 0.6.
    w_ih = np.array([[1.0], [-1.0], [0.5]])
    w_hh = np.array([[-2.0], [1.0], [-2.0]])
    b_ih = np.array([0.5, 2.0, b_in])
    b_hh = np.array([0.5 - np.log(3), np.log(3) - 1, 2.0])
    x, h0 = np.array([[[3.0]]]), np.array([[2.0]])
    h, cache = reference.cell_forward(cell, x, h0, w_ih, w_hh, b_ih, b_hh)
    back = reference.cell_backward(cell, np.array([[[0.0]], [[1.0]]]), cache)
    return h[1, 0, 0], {key: value.ravel() for key, value in back.items()}


def test_hand_step_gru():
    # a_r = 1*3 + 0.5 - 2*2 + 0.5 - log 3 = -log 3         r = 0.25
    # a_z = -1*3 + 2 + 1*2 + log 3 - 1 = log 3              z = 0.75
    # u   = W_hn h' + b_hn = -2*2 + 2 = -2
    # a_n = 0.5*3 + (log 2 - 1) + 0.25*(-2) = log 2         n = 0.6
    # h   = (1 - 0.75)*0.6 + 0.75*2 = 0.15 + 1.5 = 1.65
    h, back = run_hand_step("gru", b_in=np.log(2) - 1)
    assert h == pytest.approx(1.65, rel=1e-14)

    # d_a_n = (1 - z)(1 - n^2) = 0.25*0.64 = 0.16
    # d_a_z = (h' - n) z (1 - z) = 1.4*0.1875 = 0.2625
    # d_u   = d_a_n r = 0.04
    # d_a_r = d_a_n u r (1 - r) = 0.16*(-2)*0.1875 = -0.06
    expected = {
        "d_b_ih": [-0.06, 0.2625, 0.16],
        "d_b_hh": [-0.06, 0.2625, 0.04],
        "d_w_ih": [-0.18, 0.7875, 0.48],  # d_b_ih times x = 3
        "d_w_hh": [-0.12, 0.525, 0.08],  # d_b_hh times h' = 2
        "d_x": [-0.2425],  # 1*(-0.06) - 1*0.2625 + 0.5*0.16
        "d_h0": [1.0525],  # z - 2*(-0.06) + 1*0.2625 - 2*0.04 = 0.75 + 0.12 + 0.2625 - 0.08
    }
    assert back.keys() == expected.keys()
    for key, value in expected.items():
        np.testing.assert_allclose(back[key], value, rtol=1e-13, err_msg=key)


def test_hand_step_gru_reset_before():
    # r = 0.25 and z = 0.75 as above
    # v   = r h' = 0.25*2 = 0.5
    # a_n = 0.5*3 + (log 2 - 2.5) - 2*0.5 + 2 = log 2       n = 0.6
    # h   = (1 - 0.75)*0.6 + 0.75*2 = 1.65
    h, back = run_hand_step("gru_reset_before", b_in=np.log(2) - 2.5)
    assert h == pytest.approx(1.65, rel=1e-14)

    # d_a_n = 0.16 and d_a_z = 0.2625 as above
    # d_v   = W_hn d_a_n = -2*0.16 = -0.32
    # d_a_r = d_v h' r (1 - r) = -0.32*2*0.1875 = -0.12
    expected = {
        "d_b_ih": [-0.12, 0.2625, 0.16],
        "d_b_hh": [-0.12, 0.2625, 0.16],
        "d_w_ih": [-0.36, 0.7875, 0.48],  # d_b_ih times x = 3
        "d_w_hh": [-0.24, 0.525, 0.08],  # r and z: d_b_hh times h' = 2; n: times v = 0.5
        "d_x": [-0.3025],  # 1*(-0.12) - 1*0.2625 + 0.5*0.16
        "d_h0": [1.1725],  # z - 2*(-0.12) + 1*0.2625 + d_v r = 0.75 + 0.24 + 0.2625 - 0.08
    }
    assert back.keys() == expected.keys()
    for key, value in expected.items():
        np.testing.assert_allclose(back[key], value, rtol=1e-13, err_msg=key)


@pytest.mark.parametrize(
    ("name", "parameter", "value", "slope"),
    [  # predictions 1, 2, 2, 5 for the targets 2, 2, 1, 1: errors -1, 0, 1, 4
        ("squared_error", None, [1, 0, 1, 16], [-2, 0, 2, 8]),
        ("absolute_error", None, [1, 0, 1, 4], [-1, 0, 1, 1]),
        ("huber", 2.0, [0.5, 0, 0.5, 6], [-1, 0, 1, 2]),
        ("quantile", 0.75, [0.75, 0, 0.25, 1], [-0.75, -0.75, 0.25, 0.25]),
        (
            "poisson",
            None,
            [np.e - 2, np.e**2 - 4, np.e**2 - 2, np.e**5 - 5],
            [np.e - 2, np.e**2 - 2, np.e**2 - 1, np.e**5 - 1],
        ),
    ],
)
def test_hand_losses(name, parameter, value, slope):
    p, y = np.array([1.0, 2.0, 2.0, 5.0]), np.array([2.0, 2.0, 1.0, 1.0])
    got = reference.elementwise_loss(name, p, y, parameter)
    np.testing.assert_allclose(got, [value, slope], rtol=1e-14, atol=1e-14)


def test_loss_weighted_mean():
    prediction, target = np.array([[1.0, 2.0], [3.0, 5.0]]), np.zeros((2, 2))
    # rows: (1 + 4)/2 = 2.5 and (9 + 25)/2 = 17; weighted 3 to 1: (3*2.5 + 17)/4 = 6.125
    value, gradient = reference.loss("squared_error", prediction, target, weights=[3.0, 1.0])
    assert value == pytest.approx(6.125)
    # 2 p * weight / (4 * 2 outputs)
    np.testing.assert_allclose(gradient, [[0.75, 1.5], [0.75, 1.25]])


def test_loss_counts_valid_steps_only():
    prediction = np.array([[[1.0], [2.0]], [[3.0], [np.nan]]])  # T = 2, B = 2, K = 1
    target = np.array([[[0.0], [0.0]], [[0.0], [np.nan]]])
    # steps 1 and 9 of row 0 with weight 1 each, step 4 of row 1 with weight 2: (1 + 9 + 2*4)/(1 + 1 + 2)
    value, gradient = reference.loss("squared_error", prediction, target, weights=[1.0, 2.0], lengths=[2, 1])
    assert value == pytest.approx(4.5)
    np.testing.assert_allclose(gradient[:, :, 0], [[0.5, 2.0], [1.5, 0.0]])


def test_unknown_names():
    zeros = np.zeros((1, 1))
    with pytest.raises(ValueError, match="unknown loss"):
        reference.loss("other", zeros, zeros)
    with pytest.raises(ValueError, match="unknown cell"):
        reference.cell_forward("other", zeros[None], zeros, *[np.zeros((3, 1))] * 2, *[np.zeros(3)] * 2)


# --- By central differences --------------------------------------------------------------------------


def test_central_difference():
    array = np.array([[1.0, 2.0], [3.0, 4.0]])
    before = array.copy()
    slope = reference.central_difference(lambda: (array**3).sum(), array)
    np.testing.assert_allclose(slope, 3 * before**2, rtol=1e-8)
    np.testing.assert_array_equal(array, before)
    with pytest.raises(TypeError, match="float64"):
        reference.central_difference(lambda: 0.0, array.astype(np.float32))


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("lengths", [None, LENGTHS, np.array([0, 4, 3])])
def test_cell_gradients(cell, lengths):
    rng = np.random.default_rng(1)
    shapes = {"x": (T, B, D), "h0": (B, 3), "w_ih": (9, D), "w_hh": (9, 3), "b_ih": (9,), "b_hh": (9,)}
    arrays = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    d_h = rng.normal(size=(T + 1, B, 3))

    def value():
        return (d_h * reference.cell_forward(cell, **arrays, lengths=lengths)[0]).sum()

    d_h_before = d_h.copy()
    _, cache = reference.cell_forward(cell, **arrays, lengths=lengths)
    back = reference.cell_backward(cell, d_h, cache)
    np.testing.assert_array_equal(d_h, d_h_before)
    for name, array in arrays.items():
        assert relative_error(back[f"d_{name}"], reference.central_difference(value, array)) < 1e-6


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("per_step", [False, True])
@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_network_gradients(cell, per_step, lengths):
    assert_network_gradients(cell, 2, per_step, lengths, "squared_error")


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(("name", "parameter"), LOSSES)
def test_network_gradients_of_losses(cell, name, parameter):
    per_step = cell == "gru_reset_before"  # each loss once with each kind of output
    assert_network_gradients(cell, 3, per_step, LENGTHS, name, parameter, ROW_WEIGHTS)


@pytest.mark.parametrize(("name", "parameter"), LOSSES)
@pytest.mark.parametrize("row_weights", [None, ROW_WEIGHTS])
@pytest.mark.parametrize("per_step", [False, True])
def test_loss_gradients(name, parameter, row_weights, per_step):
    rng = np.random.default_rng(4)
    prediction, target = rng.normal(size=(2, *((T,) if per_step else ()), B, K))
    target = as_target_of(name, target)
    arguments = {"weights": row_weights, "parameter": parameter, "lengths": LENGTHS}

    def value():
        return reference.loss(name, prediction, target, **arguments)[0]

    _, gradient = reference.loss(name, prediction, target, **arguments)
    numeric = reference.central_difference(value, prediction)
    assert relative_error(gradient, numeric) < 1e-6


# --- Unequal lengths ---------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS)
def test_lengths_equal_runs_of_cut_rows(cell):
    weights, x, initial, _ = make_problem(5)
    d_outputs = np.ones((B, K))
    for b, length in enumerate(LENGTHS):
        x[length:, b] = np.nan  # never read
    outputs, cache = reference.network_forward(cell, weights, x, LENGTHS, initial)
    gradients, d_x, d_initial = reference.network_backward(d_outputs, cache)

    total = {name: np.zeros_like(value) for name, value in weights.items()}
    for b, length in enumerate(LENGTHS):
        row = slice(b, b + 1)
        own_initial = [state[row] for state in initial]
        own_outputs, own_cache = reference.network_forward(cell, weights, x[:length, row], None, own_initial)
        own_gradients, own_d_x, own_d_initial = reference.network_backward(d_outputs[row], own_cache)
        np.testing.assert_allclose(outputs[row], own_outputs, rtol=1e-12)
        np.testing.assert_allclose(d_x[:length, row], own_d_x, rtol=1e-12, atol=1e-15)
        assert not d_x[length:, b].any()
        for got, own in zip(d_initial, own_d_initial, strict=True):
            np.testing.assert_allclose(got[row], own, rtol=1e-12, atol=1e-15)
        total = {name: total[name] + own_gradients[name] for name in total}
    for name, value in total.items():
        np.testing.assert_allclose(gradients[name], value, rtol=1e-12, atol=1e-15)


def test_state_is_carried_after_the_end():
    weights, x, initial, _ = make_problem(6)
    per_step, cache = reference.network_forward("gru", weights, x, LENGTHS, initial, per_step=True)
    last, _ = reference.network_forward("gru", weights, x, LENGTHS, initial)
    for b, length in enumerate(LENGTHS):
        for layer in cache["layers"]:
            assert (layer["h"][length:, b] == layer["h"][length, b]).all()
        np.testing.assert_array_equal(per_step[length - 1 :, b], np.tile(last[b], (T - length + 1, 1)))


def test_initial_defaults_to_zeros():
    weights, x, initial, _ = make_problem(7)
    default, _ = reference.network_forward("gru", weights, x)
    zeros, _ = reference.network_forward("gru", weights, x, initial=[0 * state for state in initial])
    np.testing.assert_array_equal(default, zeros)


# --- By PyTorch --------------------------------------------------------------------------------------


@pytest.mark.parametrize("per_step", [False, True])
@pytest.mark.parametrize("lengths", [None, (5, 1, 7, 3)])
@pytest.mark.parametrize("n_layers", [1, 3])
def test_torch_gru(per_step, lengths, n_layers):
    torch = pytest.importorskip("torch")
    torch.manual_seed(8)
    n_steps, n_rows, n_inputs, n_hidden = 7, 4, 3, 6
    gru = torch.nn.GRU(n_inputs, n_hidden, n_layers).double()
    head = torch.nn.Linear(n_hidden, K).double()
    x = torch.randn(n_steps, n_rows, n_inputs, dtype=torch.float64, requires_grad=True)
    h0 = torch.randn(n_layers, n_rows, n_hidden, dtype=torch.float64, requires_grad=True)
    if lengths is None:
        states, final = gru(x, h0)
    else:
        packed = torch.nn.utils.rnn.pack_padded_sequence(x, torch.tensor(lengths), enforce_sorted=False)
        states, final = gru(packed, h0)
        states, _ = torch.nn.utils.rnn.pad_packed_sequence(states)
    outputs = head(states) if per_step else head(final[-1])
    valid = np.arange(n_steps)[:, None] < np.array(lengths or [n_steps] * n_rows)  # (T, B)
    d_outputs = np.random.default_rng(8).normal(size=outputs.shape)
    if per_step:
        d_outputs[~valid] = 0
    outputs.backward(torch.tensor(d_outputs))

    parameters = dict(gru.named_parameters()) | {f"head.{name}": p for name, p in head.named_parameters()}
    weights = {name: parameter.detach().numpy() for name, parameter in parameters.items()}
    got, cache = reference.network_forward(
        "gru", weights, x.detach().numpy(), lengths, list(h0.detach().numpy()), per_step
    )
    gradients, d_x, d_initial = reference.network_backward(d_outputs, cache)

    expected = outputs.detach().numpy()
    counted = valid if per_step else slice(None)
    np.testing.assert_allclose(got[counted], expected[counted], rtol=1e-10, atol=1e-10)
    assert gradients.keys() == parameters.keys()
    for name, parameter in parameters.items():
        np.testing.assert_allclose(gradients[name], parameter.grad.numpy(), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(d_x, x.grad.numpy(), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(d_initial, h0.grad.numpy(), rtol=1e-10, atol=1e-10)


def test_torch_losses():
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    prediction, target = torch.tensor(np.random.default_rng(9).normal(size=(2, 20, K)))
    prediction = prediction.clone().requires_grad_(True)
    pairs = [
        ("squared_error", None, functional.mse_loss(prediction, target)),
        ("absolute_error", None, functional.l1_loss(prediction, target)),
        ("huber", 0.7, functional.huber_loss(prediction, target, delta=0.7)),
        ("poisson", None, functional.poisson_nll_loss(prediction, target)),
        ("log_loss", None, functional.binary_cross_entropy_with_logits(prediction, (target > 0).double())),
        ("cross_entropy", None, functional.cross_entropy(prediction, target.argmax(dim=1))),
    ]
    for name, parameter, expected in pairs:
        (expected_gradient,) = torch.autograd.grad(expected, prediction)
        p = prediction.detach().numpy()
        value, gradient = reference.loss(name, p, as_target_of(name, target.numpy()), parameter=parameter)
        assert value == pytest.approx(expected.item(), rel=1e-12)
        np.testing.assert_allclose(gradient, expected_gradient.numpy(), rtol=1e-12)


# --- The golden files --------------------------------------------------------------------------------


ONE_DIRECTION = [path for path in NETWORK_FILES if "bidirectional" not in path.stem]


def test_golden_files_are_there():
    assert len(NETWORK_FILES) == 25
    assert len(OPTIMISER_FILES) == 5


@pytest.mark.parametrize("path", ONE_DIRECTION, ids=lambda path: path.stem)
def test_golden_networks(path):
    with np.load(path) as file:
        golden = dict(file)
    weights = {name: golden[name] for name in golden if name.startswith(("weight_", "bias_", "head."))}
    initial = [golden[name] for name in sorted(golden) if name.startswith("initial_l")] or None
    lengths, per_step = golden.get("lengths"), bool(golden["per_step"])

    outputs, cache = reference.network_forward("gru", weights, golden["x"], lengths, initial, per_step)
    value, d_outputs = reference.loss("squared_error", outputs, golden["target"], lengths=lengths)
    gradients, d_x, d_initial = reference.network_backward(d_outputs, cache)

    got = {"outputs": outputs, "loss": value, "grad.x": d_x}
    got |= {f"grad.{name}": gradient for name, gradient in gradients.items()}
    if initial is not None:
        got |= {f"grad.initial_l{k}": gradient for k, gradient in enumerate(d_initial)}
    assert got.keys() == {name for name in golden if name.startswith("grad.")} | {"outputs", "loss"}
    for name, result in got.items():  # the files round to float32: 2**-24 relative
        np.testing.assert_allclose(result, golden[name], rtol=1e-7, atol=1e-12, err_msg=name)


def optimise(name, golden):
    """Return the 5 parameter vectors that an optimiser's formula gives."""
    p, lr = golden["start"].copy(), golden["lr"]
    m, v = np.zeros_like(p), np.zeros_like(p)
    steps = []
    for t, g in enumerate(golden["gradients"], start=1):
        if name in ("adam", "adamw"):
            beta1, beta2 = golden["betas"]
            m = beta1 * m + (1 - beta1) * g
            v = beta2 * v + (1 - beta2) * g**2
            p = p - lr * golden.get("weight_decay", 0) * p
            p = p - lr * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + golden["eps"])
        elif name == "rmsprop":
            v = golden["alpha"] * v + (1 - golden["alpha"]) * g**2
            p = p - lr * g / (np.sqrt(v) + golden["eps"])
        else:
            m = golden["momentum"] * m + g
            p = p - lr * (g + golden["momentum"] * m if "nesterov" in golden else m)
        steps.append(p)
    return np.array(steps)


@pytest.mark.parametrize("path", OPTIMISER_FILES, ids=lambda path: path.stem)
def test_golden_optimisers(path):
    with np.load(path) as file:
        golden = dict(file)
    steps = optimise(path.stem.removeprefix("optim_"), golden)
    np.testing.assert_allclose(steps, golden["parameters"], rtol=1e-12)


def test_golden_files_are_what_the_script_makes():
    pytest.importorskip("torch")
    from golden import make

    made = {f"gru_{case.name}": make.make_case(case) for case in make.CASES}
    made |= {f"optim_{name}": make.make_optimiser(name) for name in make.OPTIMISERS}
    assert made.keys() == {path.stem for path in GOLDEN.glob("*.npz") if path.stem.startswith(("gru_", "optim_"))}
    for stem, content in made.items():
        with np.load(GOLDEN / f"{stem}.npz") as file:
            golden = dict(file)
        assert content.keys() == golden.keys()
        for name, value in content.items():
            assert value.dtype == golden[name].dtype
            np.testing.assert_allclose(value, golden[name], rtol=3e-7, atol=1e-12, err_msg=f"{stem} {name}")

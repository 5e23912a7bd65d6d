"""Forward and backward passes against central differences, the reference, PyTorch's numbers and a step worked by hand."""

from pathlib import Path

import numpy as np
import pytest
import reference
from compare import relative_error
from hypothesis import given, settings
from hypothesis import strategies as st
from thorough import if_full

from grukit.model import CELLS, NetworkSpec, initialize, network_backward, network_forward

GRU_CELLS = ["gru", "gru_reset_before"]
OTHER_CELLS = [cell for cell in CELLS if cell != "gru"]
GOLDEN = sorted((Path(__file__).parents[1] / "golden").glob("gru_*.npz"))


def problem(cell, per_step, seed=0, T=4, B=3, D=3, sizes=(4, 6), K=2, lengths=(4, 2, 1), **options):
    """A network with non-zero biases and states, in float64."""
    rng = np.random.default_rng(seed)
    spec = NetworkSpec(cell, D, sizes, K, per_step, **options)
    parameters = rng.normal(0, 0.5, spec.n_parameters)
    x = rng.normal(size=(T, B, spec.n_columns))
    states = (B,) if CELLS[cell].n_states == 1 else (2, B)
    initial = [rng.normal(0, 0.5, (*states, H)) for _, _, H in spec.layers]
    outputs = (T, B, K) if per_step else (B, K)
    direction = rng.normal(size=outputs)
    lengths = None if lengths is None else np.array(lengths)
    if per_step and lengths is not None:
        direction[np.arange(T)[:, None] >= lengths] = 0
    return spec, parameters, x, lengths, initial, direction


@pytest.mark.parametrize("lengths", [None, (4, 2, 1)], ids=["equal", "unequal"])
@pytest.mark.parametrize("per_step", [False, True], ids=["last", "per-step"])
@pytest.mark.parametrize("cell", CELLS)
def test_gradients_agree_with_central_differences(cell, per_step, lengths):
    spec, parameters, x, lengths, initial, direction = problem(cell, per_step, lengths=lengths)

    def value():
        return float(np.sum(network_forward(spec, parameters, x, lengths, initial)[0] * direction))

    _, forward = network_forward(spec, parameters, x, lengths, initial)
    d_parameters, d_x, d_initial = network_backward(direction, forward)
    numeric = spec.views(reference.central_difference(value, parameters))
    for name, gradient in spec.views(d_parameters).items():
        if cell == "gru_reset_before" and name.startswith("bias_hh"):
            assert np.linalg.norm(gradient) > 0  # as every other, it must not be silently absent
        assert relative_error(gradient, numeric[name]) < 1e-6, name
    assert relative_error(d_x, reference.central_difference(value, x)) < 1e-6
    for state, gradient in zip(initial, d_initial, strict=True):
        assert relative_error(gradient, reference.central_difference(value, state)) < 1e-6


OPTIONS = {
    "bidirectional": {"bidirectional": True},
    "dropout": {"dropout": 0.4, "recurrent_dropout": 0.3},
    "all": {"bidirectional": True, "learned_state": True, "dropout": 0.3, "recurrent_dropout": 0.4},
}


@pytest.mark.parametrize("per_step", [False, True], ids=["last", "per-step"])
@pytest.mark.parametrize(("cell", "options"), [
    ("gru", "bidirectional"), ("gru", "dropout"), ("gru_reset_before", "all"),
    *if_full(*((cell, "all") for cell in CELLS if cell != "gru_reset_before")),
    *if_full(*((cell, options) for cell in OTHER_CELLS for options in ("bidirectional", "dropout"))),
])  # fmt: skip
def test_gradients_of_the_options_agree_with_central_differences(cell, options, per_step):
    """Dropout draws the same masks whenever the seed is the same, so its gradients have central differences too."""
    case = problem(cell, per_step, T=5, B=3, D=3, sizes=(5, 4), lengths=(5, 2, 3), **OPTIONS[options])
    spec, parameters, x, lengths, initial, direction = case
    initial = None if spec.learned_state else initial

    def value():
        return float(np.sum(network_forward(spec, parameters, x, lengths, initial, seed=3)[0] * direction))

    _, forward = network_forward(spec, parameters, x, lengths, initial, seed=3)
    d_parameters, d_x, d_initial = network_backward(direction, forward)
    numeric = spec.views(reference.central_difference(value, parameters))
    for name, gradient in spec.views(d_parameters).items():
        assert np.linalg.norm(gradient) > 0, name
        assert relative_error(gradient, numeric[name]) < 1e-6, name
    assert relative_error(d_x, reference.central_difference(value, x)) < 1e-6
    for state, gradient in zip(initial or [], d_initial, strict=initial is not None):
        assert relative_error(gradient, reference.central_difference(value, state)) < 1e-6


@pytest.mark.parametrize("per_step", [False, True], ids=["last", "per-step"])
@pytest.mark.parametrize(("cell", "options"), [
    ("gru", "plain"), *if_full(("gru", "dropout"), ("gru_reset_before", "plain"), ("gru_reset_before", "dropout")),
])  # fmt: skip
def test_gradients_of_decay_agree_with_central_differences(cell, options, per_step):
    own = OPTIONS.get(options, {})
    case = problem(cell, per_step, T=5, B=3, D=4, sizes=(5, 4), lengths=(5, 2, 3), decay=True, **own)
    spec, parameters, x, lengths, initial, direction = case
    x[:, :, 4:] = np.abs(x[:, :, 4:])  # times are not negative

    def value():
        return float(np.sum(network_forward(spec, parameters, x, lengths, initial, seed=3)[0] * direction))

    _, forward = network_forward(spec, parameters, x, lengths, initial, seed=3)
    d_parameters, d_x, d_initial = network_backward(direction, forward)
    numeric = spec.views(reference.central_difference(value, parameters))
    for name, gradient in spec.views(d_parameters).items():
        assert np.linalg.norm(gradient) > 0, name
        assert relative_error(gradient, numeric[name]) < 1e-6, name
    assert relative_error(d_x, reference.central_difference(value, x)) < 1e-6
    for state, gradient in zip(initial, d_initial, strict=True):
        assert relative_error(gradient, reference.central_difference(value, state)) < 1e-6


@settings(max_examples=40, deadline=None)
@given(
    damped=st.booleans(),
    T=st.integers(1, 6),
    B=st.integers(1, 5),
    D=st.integers(1, 4),
    H=st.integers(1, 9),
    seed=st.integers(0, 10_000),
    data=st.data(),
)
def test_the_unit_with_two_states_agrees_with_the_reference(damped, T, B, D, H, seed, data):
    lengths = data.draw(st.lists(st.integers(1, T), min_size=B, max_size=B))
    cell = "dual_state" if damped else "dual_state_basic"
    case = problem(cell, True, seed, T, B, D, (H, H), 2, lengths)
    spec, parameters, x, lengths, initial, _ = case
    outputs, _ = network_forward(spec, parameters, x, lengths, initial)
    weights, below = spec.views(parameters), x
    for k in range(2):
        own = (weights[f"{kind}_l{k}"] for kind in ("weight_ih", "weight_hh", "bias"))
        below = reference.dual_state_forward(damped, below, *initial[k], *own, lengths)
    expected = below @ weights["head.weight"].T + weights["head.bias"]
    seen = np.arange(T)[:, None] < lengths
    np.testing.assert_allclose(outputs[seen], expected[seen], rtol=1e-11, atol=1e-12)
    last, _ = network_forward(NetworkSpec(cell, D, (H, H), 2), parameters, x, lengths, initial)
    np.testing.assert_allclose(last, expected[lengths - 1, np.arange(B)], rtol=1e-11, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    cell=st.sampled_from(GRU_CELLS),
    per_step=st.booleans(),
    T=st.integers(1, 7),
    B=st.integers(1, 6),
    D=st.integers(1, 5),
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=3),
    K=st.integers(1, 3),
    seed=st.integers(0, 10_000),
    data=st.data(),
)
def test_agrees_with_the_reference(cell, per_step, T, B, D, sizes, K, seed, data):
    lengths = data.draw(st.one_of(st.none(), st.lists(st.integers(1, T), min_size=B, max_size=B)))
    case = problem(cell, per_step, seed, T, B, D, tuple(sizes), K, lengths)
    spec, parameters, x, lengths, initial, direction = case
    outputs, forward = network_forward(spec, parameters, x, lengths, initial)
    d_parameters, d_x, d_initial = network_backward(direction, forward)
    expected, cache = reference.network_forward(cell, spec.views(parameters), x, lengths, initial, per_step)
    gradients, expected_d_x, expected_d_initial = reference.network_backward(direction, cache)
    np.testing.assert_allclose(outputs, expected, rtol=1e-11, atol=1e-12)
    for name, gradient in spec.views(d_parameters).items():
        np.testing.assert_allclose(gradient, gradients[name], rtol=1e-9, atol=1e-11, err_msg=name)
    np.testing.assert_allclose(d_x, expected_d_x, rtol=1e-9, atol=1e-11)
    for a, b in zip(d_initial, expected_d_initial, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)


def load_golden(path):
    with np.load(path) as file:
        golden = dict(file)
    bidirectional = "weight_ih_l0_reverse" in golden
    n_layers = sum(name.startswith("weight_ih") for name in golden) // (2 if bidirectional else 1)
    sizes = tuple(golden[f"weight_hh_l{k}"].shape[1] for k in range(n_layers))
    per_step = bool(golden["per_step"])
    spec = NetworkSpec("gru", golden["x"].shape[2], sizes, len(golden["head.bias"]), per_step, bidirectional)
    initial = [golden.get(f"initial_{suffix}") for suffix, _, _ in spec.layers]
    return golden, spec, None if any(state is None for state in initial) else initial


BOTH_WAYS = [path for path in GOLDEN if "bidirectional" in path.stem]


@pytest.mark.parametrize(
    ("path", "dtype"),
    [
        *((path, "float64") for path in GOLDEN),
        *((path, "float32") for path in GOLDEN if path not in BOTH_WAYS),
        *if_full(*((path, "float32") for path in BOTH_WAYS)),
    ],
    ids=lambda value: getattr(value, "stem", value),
)
def test_agrees_with_pytorchs_numbers(path, dtype):
    golden, spec, initial = load_golden(path)
    parameters = np.concatenate([golden[name].ravel() for name in spec.shapes]).astype(dtype)
    lengths = golden.get("lengths")
    outputs, forward = network_forward(spec, parameters, golden["x"], lengths, initial)
    loss, d_outputs = reference.loss("squared_error", outputs, golden["target"], lengths=lengths)
    d_parameters, d_x, d_initial = network_backward(d_outputs, forward)
    # The files hold float32 numbers, so float64 agrees to their rounding.
    tolerance = {"rtol": 1e-5, "atol": 1e-5} if dtype == "float32" else {"rtol": 2e-7, "atol": 1e-8}
    # PyTorch's outputs beyond a row's end are those of its last state; of joined states, nobody reads ours.
    seen = slice(None)
    if spec.bidirectional and spec.per_step:
        seen = np.arange(len(outputs))[:, None] < lengths
    np.testing.assert_allclose(outputs[seen], golden["outputs"][seen], **tolerance)
    np.testing.assert_allclose(loss, golden["loss"], **tolerance)
    for name, gradient in spec.views(d_parameters).items():
        np.testing.assert_allclose(gradient, golden[f"grad.{name}"], err_msg=name, **tolerance)
    np.testing.assert_allclose(d_x, golden["grad.x"], **tolerance)
    for (suffix, _, _), gradient in zip(spec.layers, d_initial if initial else [], strict=initial is not None):
        np.testing.assert_allclose(gradient, golden[f"grad.initial_{suffix}"], **tolerance)


def test_golden_files_are_there():
    assert len(GOLDEN) >= 20 and len(BOTH_WAYS) >= 2


@pytest.mark.parametrize("seed", range(50))
def test_agrees_with_live_pytorch(seed):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(seed)
    T, B, D, H, L, K = (int(rng.integers(1, high)) for high in (40, 20, 12, 48, 4, 4))
    bidirectional = seed % 4 == 3
    spec = NetworkSpec("gru", D, (H,) * L, K, bidirectional=bidirectional)
    parameters = initialize(spec, "uniform", "float32", np.random.RandomState(seed))
    x = rng.normal(size=(T, B, D)).astype("float32")
    target = rng.normal(size=(B, K)).astype("float32")
    initial = rng.normal(0, 0.5, (L * spec.n_directions, B, H)).astype("float32")

    layers = torch.nn.GRU(D, H, L, bidirectional=bidirectional)
    head = torch.nn.Linear(H * spec.n_directions, K)
    views = {name: torch.from_numpy(view.copy()) for name, view in spec.views(parameters).items()}
    layers.load_state_dict({name: view for name, view in views.items() if "head" not in name})
    head.load_state_dict({name.removeprefix("head."): view for name, view in views.items() if "head" in name})
    x_torch = torch.from_numpy(x).requires_grad_()
    _, final = layers(x_torch, torch.from_numpy(initial))
    expected = head(torch.cat(list(final[-spec.n_directions :]), dim=1))
    torch.nn.functional.mse_loss(expected, torch.from_numpy(target)).backward()

    outputs, forward = network_forward(spec, parameters, x, None, initial)
    d_parameters, d_x, _ = network_backward(2 * (outputs - target) / target.size, forward)
    np.testing.assert_allclose(outputs, expected.detach().numpy(), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(d_x, x_torch.grad.numpy(), rtol=1e-5, atol=1e-5)
    gradients = dict(layers.named_parameters()) | {f"head.{n}": p for n, p in head.named_parameters()}
    for name, gradient in spec.views(d_parameters).items():
        np.testing.assert_allclose(gradient, gradients[name].grad.numpy(), rtol=1e-5, atol=1e-5, err_msg=name)


def test_dropout_agrees_with_pytorchs_in_expectation():
    """Mean and spread of the outputs over 20,000 draws of the masks, on the inputs of the layer and of the head."""
    torch = pytest.importorskip("torch")
    T, n, D, H, rate = 4, 20_000, 3, 5, 0.4
    spec = NetworkSpec("gru", D, (H,), 1, dropout=rate)
    parameters = initialize(spec, "uniform", "float64", np.random.RandomState(0)) * 2
    x = np.random.default_rng(0).normal(size=(T, 1, D)).repeat(n, axis=1)
    ours, _ = network_forward(spec, parameters, x, seed=0)

    torch.manual_seed(0)
    layers, head = torch.nn.GRU(D, H).double(), torch.nn.Linear(H, 1).double()
    views = {name: torch.from_numpy(view.copy()) for name, view in spec.views(parameters).items()}
    layers.load_state_dict({name: view for name, view in views.items() if "head" not in name})
    head.load_state_dict({name.removeprefix("head."): view for name, view in views.items() if "head" in name})
    with torch.no_grad():
        drop = torch.nn.Dropout(rate)
        theirs = head(drop(layers(drop(torch.from_numpy(x)))[0][-1])).numpy()
    error = np.sqrt((ours.var() + theirs.var()) / n)
    assert abs(ours.mean() - theirs.mean()) < 4 * error
    assert abs(ours.std() / theirs.std() - 1) < 0.04
    assert ours.std() > 50 * error


@pytest.mark.parametrize("cell", GRU_CELLS)
def test_one_step_worked_by_hand(cell):
    """H = D = K = 1, chosen so that the gates come out at round numbers.

    h' = 0.5, x = 1. r: 0.2 + 0.4 h' - 0.4 = 0, s(0) = 1/2. z: ln 3 x = ln 3, s(ln 3) = 3/4.
    Reset after:  n = tanh(0.1 x + 1/2 (0.6 h' + 0.2)) = tanh(0.1 + 0.25) = tanh(0.35).
    Reset before: n = tanh(0.1 x + 0.6 (1/2 h') + 0.2) = tanh(0.1 + 0.15 + 0.2) = tanh(0.45).
    h = 1/4 n + 3/4 h'; output 2 h + 1.
    """
    spec = NetworkSpec(cell, 1, (1,), 1)
    parameters = np.zeros(spec.n_parameters)
    views = spec.views(parameters)
    views["weight_ih_l0"][:, 0] = 0.2, np.log(3), 0.1
    views["weight_hh_l0"][:, 0] = 0.4, 0.0, 0.6
    views["bias_ih_l0"][:] = -0.4, 0.0, 0.0
    views["bias_hh_l0"][:] = 0.0, 0.0, 0.2
    views["head.weight"][:] = 2
    views["head.bias"][:] = 1
    n = np.tanh(0.35 if cell == "gru" else 0.45)
    outputs, forward = network_forward(spec, parameters, np.ones((1, 1, 1)), None, [np.full((1, 1), 0.5)])
    np.testing.assert_allclose(outputs, [[2 * (n / 4 + 0.375) + 1]], rtol=1e-14)
    d_parameters, _, _ = network_backward(np.ones((1, 1)), forward)
    gradients = spec.views(d_parameters)
    d_n = 2 * 0.25 * (1 - n * n)
    np.testing.assert_allclose(gradients["weight_ih_l0"][2], [d_n], rtol=1e-14)
    np.testing.assert_allclose(gradients["bias_ih_l0"][1], 2 * (0.5 - n) * 0.75 * 0.25, rtol=1e-14)
    # Reset after: q = 0.6 h' + 0.2 = 0.5 is scaled by r; before: h' is, through the weight 0.6.
    d_r = d_n * 0.5 * 0.25 if cell == "gru" else d_n * 0.6 * 0.5 * 0.25
    np.testing.assert_allclose(gradients["bias_ih_l0"][0], d_r, rtol=1e-14)
    np.testing.assert_allclose(gradients["head.weight"], [[n / 4 + 0.375]], rtol=1e-14)


@pytest.mark.parametrize("cell", ["dual_state", "dual_state_basic"])
def test_one_step_of_the_unit_with_two_states_worked_by_hand(cell):
    """H = D = K = 1: r = s(0) = 1/2, z = s(ln 3) = 3/4, o = s(-ln 3) = 1/4 by the inputs alone; h' = 0.4, c' = 0.6.

    u = tanh(0.5 (0.6 / 2) + 0.1) = tanh(0.25); k = tanh(0.7 (0.4 / 2 + 3/4 u) - 0.1); h = k / 4, or k without the factor;
    the output is 2 (h / 4) + 1; the new c is 0.6 / 4 + h / 2, which a second step shows.
    """
    spec = NetworkSpec(cell, 1, (1,), 1, per_step=True)
    parameters = np.zeros(spec.n_parameters)
    views = spec.views(parameters)
    views["weight_ih_l0"][:, 0] = 0.0, np.log(3), -np.log(3)
    views["weight_hh_l0"][:, 0] = 0.0, 0.0, 0.0, 0.5, 0.7
    views["bias_l0"][:] = 0.0, 0.0, 0.0, 0.1, -0.1
    views["head.weight"][:] = 2
    views["head.bias"][:] = 1
    outputs, _ = network_forward(spec, parameters, np.ones((2, 1, 1)), None, [np.array([[[0.4]], [[0.6]]])])
    h, c = 0.4, 0.6
    for t in range(2):
        u = np.tanh(0.5 * (c / 2) + 0.1)
        k = np.tanh(0.7 * (h / 2 + 0.75 * u) - 0.1)
        h = k / 4 if cell == "dual_state" else k
        c = c / 4 + h / 2
        np.testing.assert_allclose(outputs[t, 0, 0], 2 * (h / 4) + 1, rtol=1e-14)


@pytest.mark.parametrize("cell", CELLS)
def test_numbers_beyond_a_rows_end_change_nothing(cell):
    spec, parameters, x, lengths, initial, _ = problem(cell, False)
    first = network_forward(spec, parameters, x, lengths, initial)[0]
    x[np.arange(len(x))[:, None] >= lengths] = 1e6
    np.testing.assert_array_equal(network_forward(spec, parameters, x, lengths, initial)[0], first)


@pytest.mark.parametrize("lengths", [[3, 0], [4, 1]])
def test_lengths_out_of_range(lengths):
    spec = NetworkSpec("gru", 1, (2,), 1)
    with pytest.raises(ValueError, match=r"lengths\[[01]\] is [04]; every sequence needs between 1 and 3 steps"):
        network_forward(spec, np.zeros(spec.n_parameters), np.zeros((3, 2, 1)), lengths)


def test_initial_weights():
    spec = NetworkSpec("gru", 5, (8, 4), 2)
    weights = spec.views(initialize(spec, "glorot", "float64", np.random.RandomState(0)))
    for gate in np.split(weights["weight_hh_l0"], 3):
        np.testing.assert_allclose(gate @ gate.T, np.eye(8), atol=1e-12)
    assert np.abs(weights["weight_ih_l0"]).max() <= np.sqrt(6 / 13)
    assert np.abs(weights["weight_ih_l0"]).max() > 0.9 * np.sqrt(6 / 13)
    assert not any(weights[name].any() for name in weights if "bias" in name)
    uniform = spec.views(initialize(spec, "uniform", "float64", np.random.RandomState(0)))
    for name, H in {"weight_ih_l0": 8, "weight_hh_l1": 4, "bias_hh_l0": 8, "head.weight": 4}.items():
        assert 0.7 / np.sqrt(H) < np.abs(uniform[name]).max() <= 1 / np.sqrt(H), name
    np.testing.assert_array_equal(
        initialize(spec, "glorot", "float32", np.random.RandomState(0)),
        initialize(spec, "glorot", "float64", np.random.RandomState(0)).astype("float32"),
    )


@pytest.mark.parametrize("cell", ["gru", "gru_reset_before"])
def test_chrono_biases_remember_two_steps_to_as_many_as_there_are(cell):
    spec = NetworkSpec(cell, 3, (400,), 1)
    plain, chrono = (
        spec.views(initialize(spec, method, "float64", np.random.RandomState(0), 150))
        for method in ("glorot", "chrono")
    )
    for name, weights in plain.items():
        if name != "bias_ih_l0":
            np.testing.assert_array_equal(chrono[name], weights)
    reset, update, candidate = np.split(chrono["bias_ih_l0"], 3)
    assert (reset == 0).all() and (candidate == 0).all()
    remembered = 1 + np.exp(update)  # 1 / (1 - z)
    assert remembered.min() == pytest.approx(2, rel=0.05) and remembered.max() == pytest.approx(150, rel=0.05)
    assert np.median(remembered) == pytest.approx(np.sqrt(2 * 150), rel=0.25)


def test_the_flat_vector_is_cut_without_gap_or_overlap():
    spec = NetworkSpec("gru", 3, (4, 5), 2)
    flat = np.arange(spec.n_parameters)
    np.testing.assert_array_equal(np.concatenate([view.ravel() for view in spec.views(flat).values()]), flat)
    assert spec.n_parameters == 3 * (4 * 3 + 16 + 8) + 3 * (5 * 4 + 25 + 10) + 2 * 5 + 2


@pytest.mark.parametrize(("changes", "words"), [
    ({"x": np.zeros((3, 2, 4))}, r"x must have the shape \(T, B, 1\).*it is \(3, 2, 4\)"),
    ({"x": np.zeros((3, 2))}, "x must have the shape"),
    ({"x": np.zeros((3, 0, 1))}, "none of them 0"),
    ({"lengths": [3]}, r"lengths has the shape \(1,\); there are 2 sequences"),
    ({"parameters": np.zeros(5)}, r"parameters has the shape \(5,\); the network has 33"),
    ({"initial": [np.zeros((2, 3))]}, r"initial\[0\] has the shape \(2, 3\); it must be \(2, 2\)"),
])  # fmt: skip
def test_wrong_shapes(changes, words):
    spec = NetworkSpec("gru", 1, (2,), 1)
    arguments = {"parameters": np.zeros(spec.n_parameters), "x": np.zeros((3, 2, 1)), "lengths": None, "initial": None}
    with pytest.raises(ValueError, match=words):
        network_forward(spec, **{**arguments, **changes})


def test_parameters_that_are_not_contiguous():
    spec = NetworkSpec("gru", 1, (2,), 1)
    parameters = np.random.default_rng(0).normal(size=(spec.n_parameters, 2))
    strided, _ = network_forward(spec, parameters[:, 0], np.ones((3, 2, 1)))
    np.testing.assert_array_equal(strided, network_forward(spec, parameters[:, 0].copy(), np.ones((3, 2, 1)))[0])


@pytest.mark.parametrize("units", [64, 72, 80, 272])
def test_gradients_of_wide_layers_agree_with_float64(units):
    """In float32 the recurrent weights' gradients of many units are taken in panels of 128 rows; here there are 130."""
    spec = NetworkSpec("gru", 2, (units,), 1)
    rng = np.random.default_rng(0)
    parameters, x = rng.normal(0, 0.1, spec.n_parameters), rng.normal(size=(13, 10, 2))
    lengths = rng.integers(5, 14, 10)
    gradients = {}
    for dtype in ("float32", "float64"):
        outputs, forward = network_forward(spec, parameters.astype(dtype), x, lengths)
        gradients[dtype] = spec.views(network_backward(np.ones_like(outputs), forward)[0])
    for name, exact in gradients["float64"].items():
        np.testing.assert_allclose(gradients["float32"][name], exact, rtol=1e-4, atol=2e-5 * np.abs(exact).max())

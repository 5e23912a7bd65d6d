"""Weights to and from PyTorch, against PyTorch where it is installed."""

import numpy as np
import pytest
from untrained import untrained

import grukit
from grukit import GRUClassifier, GRURegressor
from grukit.interchange import from_keras, from_torch, to_torch

TOLERANCE = {"float32": 1e-5, "float64": 1e-12}


def weights(n_inputs=3, sizes=(4,), n_outputs=2, both=False, dtype=np.float64, prefix="", head="head"):
    """Weights by PyTorch's names."""
    rng, named, D = np.random.default_rng(0), {}, n_inputs
    for k, H in enumerate(sizes):
        for end in ("", "_reverse")[: 1 + both]:
            shapes = {"weight_ih": (3 * H, D), "weight_hh": (3 * H, H), "bias_ih": (3 * H,), "bias_hh": (3 * H,)}
            named |= {f"{prefix}{kind}_l{k}{end}": rng.normal(size=shape) for kind, shape in shapes.items()}
        D = H * (1 + both)
    named |= {f"{head}.weight": rng.normal(size=(n_outputs, D)), f"{head}.bias": rng.normal(size=n_outputs)}
    return {name: array.astype(dtype) for name, array in named.items()}


def modules(torch, given, both, head="head", prefix="gru."):
    """A module with such weights, and its outputs (B, T, K) or (B, K)."""
    H = given[f"{prefix}weight_hh_l0"].shape[1]
    K, D = len(given[f"{head}.weight"]), given[f"{prefix}weight_ih_l0"].shape[1]
    n_layers = sum(name.startswith(f"{prefix}weight_ih") for name in given) // (1 + both)
    module = torch.nn.ModuleDict({
        prefix[:-1]: torch.nn.GRU(D, H, n_layers, bidirectional=both, batch_first=True),
        head: torch.nn.Linear(H * (1 + both), K),
    })  # fmt: skip
    module = module.to(torch.float64 if given[f"{head}.bias"].dtype == np.float64 else torch.float32)
    module.load_state_dict({name: torch.from_numpy(array) for name, array in given.items()})

    def run(x, per_step):
        with torch.no_grad():
            outputs, last = module[prefix[:-1]](torch.from_numpy(x).to(module[head].bias.dtype))
            states = outputs if per_step else torch.cat([*last[-1 - both :]], dim=1)
            return module[head](states).numpy()

    return module, run


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("n_layers", "both", "per_step"), [(1, False, False), (2, False, True), (2, True, False)])
def test_a_module_s_predictions_come_back(dtype, n_layers, both, per_step):
    torch = pytest.importorskip("torch")
    given = weights(sizes=(4,) * n_layers, both=both, dtype=dtype, prefix="gru.")
    module, run = modules(torch, given, both)
    model = from_torch(module.state_dict(), per_step=per_step)  # of tensors
    x = np.random.default_rng(1).normal(size=(5, 7, 3))
    expected = run(x, per_step)
    np.testing.assert_allclose(model.predict(x), expected, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])
    again = to_torch(model)
    assert list(again) == [name.removeprefix("gru.") for name in given]
    for name, array in given.items():
        np.testing.assert_array_equal(again[name.removeprefix("gru.")], array)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "changes", [{}, {"bidirectional": True, "hidden_layer_sizes": (4, 4)}, {"outputs": 2}, {"per_step": True}]
)
def test_scaling_is_folded_into_what_a_module_takes(fitted, dtype, changes):
    torch = pytest.importorskip("torch")
    model, X = fitted(dtype=dtype, **changes)
    given = {name if name.startswith("head") else f"gru.{name}": array for name, array in to_torch(model).items()}
    _, run = modules(torch, given, "bidirectional" in changes)
    found = run(X, "per_step" in changes).reshape(model.predict(X).shape)
    spread = model._fitted.y_scaler.scale.max()
    np.testing.assert_allclose(found, model.predict(X), atol=spread * {"float32": 1e-5, "float64": 1e-11}[dtype])


@pytest.mark.parametrize("classes", [2, 3])
def test_a_classifier_gives_log_odds(fitted, classes):
    torch = pytest.importorskip("torch")
    model, X = fitted(classes=classes, dtype="float64")
    given = {name if name.startswith("head") else f"gru.{name}": array for name, array in to_torch(model).items()}
    _, run = modules(torch, given, False)
    outputs = torch.from_numpy(run(X, False))
    found = torch.sigmoid(outputs)[:, 0] if classes == 2 else torch.softmax(outputs, 1)[:, 1]
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], found, atol=1e-12)
    again = from_torch(given, classes=model.classes_)
    np.testing.assert_allclose(again.predict_proba(X), model.predict_proba(X), atol=1e-12)
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


def test_names_before_the_gru_s_are_found_and_biases_may_be_missing():
    x = np.random.default_rng(1).normal(size=(5, 7, 3))
    plain = from_torch(weights()).predict(x)
    nested = weights(prefix="encoder.rnn.", head="encoder.out")
    np.testing.assert_array_equal(from_torch(nested, head="out").predict(x), plain)
    np.testing.assert_array_equal(from_torch(nested, head="encoder.out").predict(x), plain)
    zeros = {name: array * ("bias" not in name) for name, array in weights().items()}
    without = {name: array for name, array in weights().items() if "bias" not in name}
    np.testing.assert_array_equal(from_torch(without).predict(x), from_torch(zeros).predict(x))


def test_two_outputs_of_two_classes_are_one():
    x = np.random.default_rng(1).normal(size=(5, 7, 3))
    model = from_torch(weights(), classes=["no", "yes"])
    outputs = from_torch(weights()).predict(x)
    shares = np.exp(outputs) / np.exp(outputs).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict_proba(x), shares, rtol=1e-12)
    assert model.predict(x).tolist() == np.array(["no", "yes"])[np.argmax(outputs, axis=1)].tolist()


def test_a_model_from_weights_is_a_fitted_one(tmp_path):
    rng = np.random.default_rng(1)
    x, given = rng.normal(size=(12, 7, 3)), weights(n_outputs=1)
    model = from_torch(given, window=4)
    assert isinstance(model, GRURegressor)
    assert (model.n_features_in_, model.n_outputs_, model.n_iter_, model.window) == (3, 1, 0, 4)
    assert model.validation_curve_ is None
    assert np.isnan(model.loss_)
    assert "come from elsewhere" in model.summary()
    table = x.reshape(-1, 3)
    np.testing.assert_array_equal(
        model.predict(table)[3:], [model.predictor()(table[i - 3 : i + 1]) for i in range(3, 84)]
    )
    model.save(tmp_path / "model.gru")
    np.testing.assert_array_equal(grukit.load(tmp_path / "model.gru").predict(x), model.predict(x))
    before = model.score(x, x[:, -1, 0])
    model.set_params(warm_start=True, max_iter=50).fit(x, x[:, -1, 0])
    assert model.score(x, x[:, -1, 0]) > before
    assert isinstance(from_torch(weights(), classes=[0, 1]), GRUClassifier)


def without(*names, **more):
    return {name: array for name, array in {**weights(), **more}.items() if name not in names}


WRONG = {
    "no gru": (without("weight_ih_l0"), "0 entries that end in weight_ih_l0"),
    "two grus": ({**weights(), **weights(prefix="b.")}, "2 entries that end in weight_ih_l0"),
    "no head": (without("head.weight"), r"no head\.weight"),
    "two heads": (without(**{"b.head.weight": np.ones((2, 4))}), r"\['head\.weight', 'b\.head\.weight'\]"),
    "another layer": (without(**{"norm.weight": np.ones(3)}), r"\['norm\.weight'\], which are neither"),
    "a projection": (without(weight_hr_l0=np.ones((2, 4))), r"\['weight_hr_l0'\], which are neither"),
    "no recurrent weights": (without("weight_hh_l0"), "no weight_hh_l0"),
    "a layer missing": (without(weight_ih_l2=np.ones((12, 4))), "no weight_ih_l1"),
    "another direction": (without(weight_ih_l0_reverse=np.ones((12, 3))), "no weight_hh_l0_reverse"),
    "half a direction": (without(bias_ih_l0_reverse=np.ones(12)), r"\['bias_ih_l0_reverse'\], which a GRU of 1 layers"),
    "an LSTM": (
        without(weight_ih_l0=np.ones((16, 3)), weight_hh_l0=np.ones((16, 4))),
        r"weight_ih_l0 has the shape \(16, 3\); the network's is \(12, 3\)",
    ),
    "one axis": (without(weight_hh_l0=np.ones(12)), "no weight_hh_l0 of two axes"),
    "head's width": (
        without(**{"head.weight": np.ones((2, 5))}),
        r"head\.weight has the shape \(2, 5\); the network's is \(2, 4\)",
    ),
    "NaN": (without(bias_hh_l0=np.full(12, np.nan)), "bias_hh_l0 holds NaN"),
    "no units": (
        {"weight_ih_l0": np.ones((0, 3)), "weight_hh_l0": np.ones((0, 0)), "head.weight": np.ones((1, 0))},
        r"weight_ih_l0 has the shape \(0, 3\), of no layer",
    ),
    "no inputs": (without(weight_ih_l0=np.ones((12, 0))), r"weight_ih_l0 has the shape \(12, 0\), of no layer"),
    "no outputs": (without(**{"head.weight": np.ones((0, 4))}), r"head\.weight has the shape \(0, 4\), of no layer"),
    "a number for a head": (without(**{"head.weight": np.ones(())}), r"head\.weight has the shape \(\), of no layer"),
    "one axis of a head": (
        without(**{"head.weight": np.ones(4)}),
        r"head\.weight has the shape \(4,\); it must have two",
    ),
    "the module": (object(), r"must be a mapping of names to arrays, as module.state_dict\(\) gives it; got object"),
    "words": (without(bias_hh_l0=np.array(["a"] * 12)), "bias_hh_l0 is an array of <U1"),
}


@pytest.mark.parametrize("name", WRONG)
def test_weights_that_are_no_gru_and_head_are_refused(name):
    given, message = WRONG[name]
    with pytest.raises(ValueError, match=message):
        from_torch(given)


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ([1, 0], "sorted"),
        ([0, 0], "sorted"),
        ([0, 1, 2], "3 classes; the head has 2"),
        ([0], "1 classes"),
        (0, "sorted"),
    ],
)
def test_wrong_classes_are_refused(classes, message):
    with pytest.raises(ValueError, match=message):
        from_torch(weights(), classes=classes)


@pytest.mark.parametrize("classes", [[None, "a"], [[0], [1]], [np.nan, 1.0]])
def test_classes_that_have_no_order_are_refused(classes):
    with pytest.raises(ValueError, match="classes must be labels, each once and sorted"):
        from_torch(weights(), classes=classes)


def test_a_window_is_that_of_the_estimators_where_none_is_given():
    given = {"weight_ih_l0": np.ones((6, 1)), "weight_hh_l0": np.ones((6, 2)), "head.weight": np.ones((1, 2))}
    assert from_torch(given).window == GRURegressor().window == 32


@pytest.mark.parametrize("window", [0, -5, "a", 2.5, 2**40])
def test_a_window_that_is_none_is_refused(window):
    with pytest.raises(ValueError, match="window"):
        from_torch(weights(), window=window)
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="window"):
        from_keras([rng.normal(size=shape) for shape in ((3, 12), (4, 12), (2, 12), (4, 1))], window=window)


def test_without_a_window_a_table_is_no_sequence_of_several_features():
    model = from_torch(weights(), window=None)
    x = np.random.default_rng(1).normal(size=(5, 7, 3))
    np.testing.assert_array_equal(model.predict(x), from_torch(weights()).predict(x))
    with pytest.raises(ValueError, match="X is read as rows here and was read as sequences in fit"):
        model.predict(x[0])
    narrow = weights(n_inputs=1)
    rows = np.random.default_rng(1).normal(size=(5, 1))
    np.testing.assert_array_equal(
        from_torch(narrow, window=None).predict(rows), from_torch(narrow).predict(rows[:, None])
    )


REFUSED = {
    "linear part": ({"linear_lags": 2}, "the linear part"),
    "differences": ({"difference": True}, "differences"),
    "mask": ({"missing": "mask"}, "missing='mask'"),
    "learned": ({"initial_state": "learned"}, "learned initial states"),
    "cell": ({"cell": "dual_state"}, "the cell 'dual_state'"),
    "reset before": ({"cell": "gru_reset_before"}, "resets after"),
    "sizes": ({"hidden_layer_sizes": (4, 3)}, "one size"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_pytorch_cannot_say_is_refused(fitted, name):
    changes, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        to_torch(fitted(**changes)[0])


def test_folding_that_costs_digits_is_refused(fitted):
    model, X = fitted()
    with untrained():
        far = GRURegressor(**model.get_params()).fit(X + 1e6, X[:, -1, 0])
        wide = GRURegressor(**{**model.get_params(), "dtype": "float64"}).fit(X + 1e6, X[:, -1, 0])
    with pytest.raises(ValueError, match=r"predictions would differ by .* of their spread, more than 0\.0001"):
        to_torch(far)
    np.testing.assert_allclose(from_torch(to_torch(wide)).predict(X + 1e6), wide.predict(X + 1e6), rtol=1e-8)

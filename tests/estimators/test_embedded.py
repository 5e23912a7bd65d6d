"""Categories of series that are too many for an input each: numbers that the network learns."""

import pickle
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
import reference
from forecasters import HOURS, small_forecaster
from thorough import if_full

from grukit import load
from grukit.data.embedded import MOST_ONE_HOT, width_of
from grukit.estimators._forecast_checks import check_forecast_state

HOURS = HOURS[:84]
NAMES = [f"s{i:02d}" for i in range(40)]
Y = pd.DataFrame(np.random.default_rng(0).normal(size=(84, 40)).cumsum(axis=0), index=HOURS, columns=NAMES)
# 35 categories, of which the first five have two series each
STATIC = pd.DataFrame({"shop": [f"k{i % 35:02d}" for i in range(40)], "size": np.arange(40.0)}, index=NAMES)
LATER = pd.DataFrame(
    Y.to_numpy()[:3], pd.date_range(HOURS[-1] + HOURS.freq, periods=3, freq="h", name="time"), Y.columns
)
small = partial(small_forecaster, horizon=4, window=8, normalize=None, calendar=None, early_stopping=False)


@pytest.fixture(scope="module")
def fitted():
    return small().fit(Y, static=STATIC)


def table_of(model):
    return model.weights_["embedding.0.weight"]


def test_how_many_numbers():
    assert [width_of(n) for n in (2, MOST_ONE_HOT, MOST_ONE_HOT + 1, 256, 257, 10_000)] == [0, 0, 3, 4, 5, 10]


def test_what_is_embedded_is_told(fitted):
    state = fitted._fitted
    size = STATIC["size"].to_numpy()
    wanted = np.column_stack([(size - size.mean()) / size.std(), np.arange(40) % 35])  # places, last
    np.testing.assert_allclose(state.recent.constants, wanted, rtol=1e-14)
    assert state.columns.columns == ["size", "shop"]
    assert "of each series size, shop (35 categories as 3 learned numbers each)" in fitted.summary()
    assert table_of(fitted).shape == (36, 3)
    assert fitted.weights_["weight_ih_l0"].shape == (12, 1 + 1 + 3)
    assert state.linear.maps[0].coef.shape == (8 + 1, 4)  # the linear part reads the size alone


@pytest.mark.parametrize("missing", ["error", "mask"])
def test_forecasts_are_the_linear_part_and_what_the_network_makes_of_the_numbers(missing):
    model = small(missing=missing, calibration_fraction=None).fit(Y, static=STATIC)
    state, s = model._fitted, 37
    mean, scale = state.figures[NAMES[s],]
    x = np.column_stack([
        (Y[NAMES[s]].to_numpy()[-8:] - mean) / scale,
        np.full(8, state.recent.constants[s, 0]),
        np.tile(table_of(model)[2], (8, 1)),
    ])  # fmt: skip
    x = (x - state.x_scaler.mean) / state.x_scaler.scale
    np.testing.assert_array_equal(state.x_scaler.mean[2:], 0.0)
    x = np.hstack([x, np.zeros_like(x)]) if missing == "mask" else x
    outputs, _ = reference.network_forward("gru", model.weights_, x[:, None], [8])
    bare = pickle.loads(pickle.dumps(model))
    bare.weights_ = {name: 0 * array if name.startswith("head") else array for name, array in model.weights_.items()}
    made = (model.predict() - bare.predict())[NAMES[s]]
    assert np.abs(made).max() > 1e-4
    np.testing.assert_allclose(made, outputs[0] * state.y_scaler.scale * scale, rtol=1e-9)


def test_forecasts_depend_on_the_category_and_a_series_is_known_by_its_name(fitted):
    forecast = fitted.predict()
    pd.testing.assert_frame_equal(fitted.predict(context=Y), forecast)
    pd.testing.assert_frame_equal(fitted.predict(context=Y, static=STATIC), forecast)
    other = fitted.predict(context=Y[["s00", "s01"]], static=STATIC.loc[["s00"]].assign(shop="k30"))
    assert (other["s00"] != forecast["s00"]).all()
    np.testing.assert_array_equal(other["s01"], forecast["s01"])


def test_a_category_that_is_not_known(fitted):
    new, told = Y[["s00"]].rename(columns={"s00": "new"}), pd.DataFrame({"shop": ["z"], "size": [3.0]}, index=["new"])
    with pytest.raises(
        ValueError, match=r"Series new has the category 'z' in the column 'shop' .*'k04', \.\.\.\. Or use"
    ):
        fitted.predict(context=new, static=told)
    lenient = small(handle_unknown="mean", warm_start=True).fit(Y, static=STATIC)
    pd.testing.assert_frame_equal(lenient.predict(), fitted.predict())

    def mean():
        shares = np.where(np.arange(35) < 5, 2, 1) / 40
        np.testing.assert_allclose(table_of(lenient)[35], shares @ table_of(lenient)[:35], rtol=1e-12)

    mean()
    as_mean = lenient.predict(context=new, static=told)
    weights = lenient.weights_
    weights["embedding.0.weight"][7] = weights["embedding.0.weight"][35]
    lenient.weights_ = weights
    pd.testing.assert_frame_equal(lenient.predict(context=new, static=told.assign(shop="k07")), as_mean)
    panel = pd.concat({name: Y[name] for name in NAMES}, names=["unit", "time"])
    grown = small(handle_unknown="mean").fit(panel, static=STATIC)
    was = table_of(grown).copy()
    grown.update(pd.concat({"new": Y["s01"] + 3}, names=["unit", "time"]), static=told, refit=2)
    np.testing.assert_array_equal(grown._fitted.recent.constants[-1, 1], 35.0)
    assert (table_of(grown) != was).all() and np.isfinite(grown.predict()).all()
    assert len(grown.history_) == 4


def test_training_goes_on_from_the_tables(fitted):
    # Of what the network learned a part would be taken otherwise.
    whole = {"warm_start": True, "calibration_fraction": None}
    model = small(**whole).fit(Y, static=STATIC)
    longer = small(max_iter=4, **whole).fit(Y, static=STATIC)
    model.fit(Y)  # these series are known
    np.testing.assert_allclose(table_of(model), table_of(longer), rtol=1e-12)
    refitted = small().fit(Y, static=STATIC).update(LATER, refit=1)
    assert (table_of(refitted) != table_of(fitted)).any()
    moved = small().fit(Y, static=STATIC).update(LATER)
    np.testing.assert_array_equal(table_of(moved), table_of(fitted))
    pd.testing.assert_frame_equal(moved.predict(), fitted.predict(context=pd.concat([Y, LATER])))
    with pytest.raises(ValueError, match="Series s00 has the category 'x'"):
        model.fit(Y, static=STATIC.assign(shop="x"))
    by_lbfgs = small(solver="lbfgs").fit(Y, static=STATIC)
    assert by_lbfgs.loss_ < by_lbfgs.history_["loss"].iloc[0]


def test_the_same_bits_for_any_number_of_threads():
    found = [small(n_jobs=n, batch_size=128).fit(Y, static=STATIC)._fitted.parameters.tobytes() for n in (1, 2)]
    assert found[0] == found[1]


def test_what_only_the_name_of_a_series_tells_is_learned():
    """Noisy waves of 300 phases, seen one row at a time, and known ahead where all of them would be without a phase."""
    rng, n = np.random.default_rng(0), 300
    at, phases = 2 * np.pi * np.arange(42)[:, None] / 7.3, rng.uniform(0, 2 * np.pi, n)
    clean = np.cos(at + phases)
    names = [f"s{i}" for i in range(n)]
    y = pd.DataFrame(clean[:40] + 0.5 * rng.normal(size=(40, n)), columns=names)
    X, static = pd.DataFrame(np.hstack([np.cos(at), np.sin(at)])), pd.DataFrame({"name": names}, index=names)
    settings = {"window": 1, "horizon": 2, "hidden_layer_sizes": 12, "max_iter": 12, "learning_rate_init": 0.01}
    errors = [
        (
            (small(**settings, batch_size=32, calibration_fraction=None).fit(y, X, static=told).predict(X) - clean[40:])
            ** 2
        ).mean(axis=None)
        for told in (None, static)
    ]
    assert errors[0] > 0.3 and errors[1] < 0.1


def test_predictors_streams_and_files(fitted, tmp_path):
    forecast = fitted.predict()
    for name in ("s03", "s38"):
        window = Y[name].to_numpy()[-8:]
        np.testing.assert_allclose(fitted.predictor(name)(window), forecast[name], rtol=1e-9)
    stream = fitted.stream()
    for row in Y.to_numpy()[-8:-1]:
        stream.step(row)
    np.testing.assert_array_equal(stream.step(Y.to_numpy()[-1]).T, fitted.predict(context=Y[-8:]))
    fitted.save(tmp_path / "model.gru")
    for other in (load(tmp_path / "model.gru"), pickle.loads(pickle.dumps(fitted))):
        pd.testing.assert_frame_equal(other.predict(), forecast)
        pd.testing.assert_frame_equal(other.predict_interval(0.5), fitted.predict_interval(0.5))
        other.update(LATER, refit=1)
        pd.testing.assert_frame_equal(other.predict(), small().fit(Y, static=STATIC).update(LATER, refit=1).predict())


@pytest.mark.parametrize(("strategy", "normalize"), [
    ("decoder", None),
    *if_full(("decoder", "window"), ("direct", "window"), ("recursive", "last")),
])  # fmt: skip
def test_each_strategy_reads_the_numbers(strategy, normalize):
    segment = 2 if strategy == "decoder" else None
    settings = {"strategy": strategy, "normalize": normalize, "segment": segment, "calibration_fraction": None}
    model = small(**settings).fit(Y, static=STATIC)
    forecast = model.predict()
    if strategy != "recursive":
        window = Y["s38"].to_numpy()[-8:]
        np.testing.assert_allclose(model.predictor("s38")(window), forecast["s38"], rtol=1e-9)
    others = model.predict(context=Y, static=STATIC.assign(shop=STATIC["shop"].iloc[::-1].to_numpy()))
    same = STATIC["shop"].to_numpy() == STATIC["shop"].iloc[::-1].to_numpy()
    assert ((others != forecast).any() == ~same).all()


def test_intervals_by_folds_and_backtests():
    model = small(calibration="folds").fit(Y, static=STATIC)
    assert np.isfinite(model.predict_interval(0.5)).all(axis=None)
    table = small().backtest(Y, static=STATIC, n_splits=2)
    by_hand = small().fit(Y[:76], static=STATIC).predict()
    chosen = table[(table["origin"] == HOURS[75]) & (table["series"] == "s07")]["prediction"]
    np.testing.assert_array_equal(chosen, by_hand["s07"])


def test_what_is_wrong_is_named(monkeypatch):
    monkeypatch.setattr("grukit.data.static.MOST_CATEGORIES", 34)
    with pytest.raises(ValueError, match="Column 'shop' of static has 35 categories; at most 34 are learned"):
        small().fit(Y, static=STATIC)
    monkeypatch.undo()
    monkeypatch.setattr("grukit.engines.missing_for_cuda", lambda: "")  # as if there were a GPU
    with pytest.raises(
        RuntimeError,
        match="device='cuda': the GPU's kernels learn no numbers of categories, as for the 35 in the column 'shop' of "
        "static. Or use device='cpu'",
    ):
        small(device="cuda").fit(Y, static=STATIC)
    model = small(max_iter=1, device="auto", linear_lags=0).fit(Y, static=STATIC)
    assert model.device_ == "cpu" and "the GPU's kernels have no embeddings" in model.device_reason_


def test_records_that_are_none_are_refused(fitted):
    state = fitted._fitted
    size, shop = state.columns.static

    def refused(words, **changes):
        with pytest.raises(ValueError, match=words):
            check_forecast_state(replace(state, **changes))

    def of_columns(*static):
        form = replace(state.columns, static=static)
        return {"columns": form, "recent": replace(state.recent, form=form)}

    check_forecast_state(state)
    refused("layout.embedded is another", **of_columns(size, shop._replace(width=2)))
    refused("columns.static is mixed", **of_columns(shop, size))
    refused(
        "learns numbers of 'size'",
        **of_columns(size._replace(width=3), shop),
        layout=replace(state.layout, n_calendar=0, embedded=(3, 3)),
    )
    refused("spec.embeddings are not those", spec=replace(state.spec, embeddings=()))
    for place in (36.0, -1.0, 0.5):
        covariates = state.recent.covariates.copy()
        covariates[3, 1] = place
        refused("no categories of 'shop'", recent=replace(state.recent, covariates=covariates))

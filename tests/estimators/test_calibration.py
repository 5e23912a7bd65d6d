"""Errors that calibrate intervals: of folds in time, and of rows that came later."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from forecasters import HOURS, NOISE, small_forecaster

from grukit.data import Observed
from grukit.estimators._adaptive import Online, adapted_margins
from grukit.estimators._forecast_folds import calibration_of

small = partial(small_forecaster, window=6, calendar=None, calibration="auto")


# --- Folds -----------------------------------------------------------------------------------------------------------


def times(weight, weights):
    """The network with ``weight`` times its outputs."""
    return {name: weight * value if name.startswith("head.") else value for name, value in weights.items()}


def test_folds_are_copies_fitted_to_what_lies_before_each_block():
    """As a user could make them: the later half of the origins 0 to 156, in five blocks."""
    model, errors = small().fit(NOISE), []
    for block in np.array_split(np.arange(78, 157), 5):
        copy = small(calibration_fraction=None, normalize=model.normalize_).fit(NOISE.iloc[: block[0] + 1])
        copy.weights_ = times(model.network_weight_, copy.weights_)
        for origin in block:
            ahead = copy.predict(context=NOISE.iloc[: origin + 1]).to_numpy()
            errors.append(np.abs(ahead - NOISE.iloc[origin + 1 : origin + 4].to_numpy()))
    half = np.sort(errors, axis=0)[int(np.ceil(80 * 0.9)) - 1]
    found = model.predict_interval(0.9)
    np.testing.assert_allclose(found["upper"] - model.predict(), half, rtol=1e-9)
    np.testing.assert_allclose(model.predict() - found["lower"], half, rtol=1e-9)


def test_the_model_learns_from_all_and_copies_leave_it_alone():
    called = []
    one, other = np.random.RandomState(3), np.random.RandomState(3)
    model = small(callbacks=called.append, random_state=one).fit(NOISE)
    bare = small(calibration_fraction=None, random_state=other).fit(NOISE)
    assert len(called) == 2 and model._fitted.scores.n == 79
    for name, weights in times(model.network_weight_, bare.weights_).items():
        np.testing.assert_array_equal(weights, model.weights_[name])
    assert one.uniform() == other.uniform()


def test_of_a_panel_each_block_has_errors_of_what_had_begun_before_it():
    y = pd.concat({"u": NOISE, "v": 40 - 9 * NOISE.iloc[100:], "w": NOISE.iloc[:70]}, names=["unit", "time"])
    model = small().fit(y)
    counts = {key[0]: len(errors) for key, errors in model._fitted.scores.errors.items()}
    starts = [block[0] for block in np.array_split(np.arange(78, 157), 5)]
    later = next(start for start in starts if start >= 101)  # two rows, so that they vary
    assert counts == {"u": 79, "v": 157 - later}
    widths = model.predict_interval(0.8)
    width = (widths["upper"] - widths["lower"]).groupby(level="unit").mean()
    assert 5 < width["v"] / width["u"] < 15
    assert widths.notna().all(axis=None)  # of w by the errors of the others


@pytest.mark.parametrize("changes", [
    {"channels": "joint"},
    {"missing": "mask"},
    {"strategy": "recursive"},
    {"quantiles": (0.1, 0.5, 0.9), "early_stopping": True},
], ids=["joint", "mask", "recursive", "quantiles"])  # fmt: skip
def test_folds_of_every_kind_of_network(changes):
    frame = pd.DataFrame({"a": NOISE, "b": 5 - NOISE})
    if changes.get("missing"):
        frame.iloc[30:40, 0] = np.nan
    model = small(**changes).fit(frame)
    assert [len(errors) for errors in model._fitted.scores.errors.values()] == [79, 79]
    widths = model.predict_interval(0.8)
    np.testing.assert_allclose(widths[("a", "upper")].iloc[-1] - widths[("a", "lower")].iloc[-1], 4.4, atol=2.2)


def test_a_covariate_that_begins_late_leaves_out_the_copies_that_would_know_nothing_of_it():
    X = pd.DataFrame(
        {"wind": np.random.default_rng(1).normal(size=170)}, index=pd.date_range(HOURS[0], periods=170, freq="h")
    )
    X.iloc[:100] = np.nan
    model = small(missing="mask").fit(NOISE, X)
    assert 20 < model._fitted.scores.n < 79
    assert model.predict_interval(0.8, X).notna().all(axis=None)


def test_which_errors_calibrate():
    observed = Observed.read(NOISE, None, None, None, False)
    long = Observed.read(pd.Series(np.zeros(2504)), None, None, None, False)
    for model, data, wanted in (
        (small(), observed, "folds"),
        (small(calibration="split"), observed, "split"),
        (small(calibration_fraction=None), observed, None),
        (small(warm_start=True), observed, "split"),
        (small(), long, "split"),
        (small(horizon=4), long, "folds"),
        (small(calibration="folds"), long, "folds"),
    ):
        assert calibration_of(model, data.series) == wanted
    with pytest.raises(ValueError, match="calibration='folds' fits copies anew, with warm_start=True"):
        small(calibration="folds", warm_start=True).fit(NOISE)
    few = small().fit(NOISE.iloc[:38])  # 18 origins in the later half
    with pytest.raises(ValueError, match="No origins were kept to calibrate intervals by"):
        few.predict_interval()


def test_training_that_goes_on_is_not_judged_by_what_taught_it_before():
    """Of rows of noise a network that learned them by heart would have narrow intervals."""
    noise = pd.Series(np.random.default_rng(0).normal(size=400))
    options = {"horizon": 1, "linear_lags": 0, "early_stopping": False, "max_iter": 5, "learning_rate_init": 0.05}
    model = small(**options).fit(noise.iloc[:300])
    assert list(model._fitted.learned.values()) == [299]
    model.set_params(warm_start=True, max_iter=1).fit(noise.iloc[:300].rename("other name"))
    with pytest.raises(ValueError, match=r"training went on \(warm_start=True\), and fits before had learned"):
        model.predict_interval(0.8)
    model.fit(noise.iloc[:317])  # 17 origins from 299 on
    assert model._fitted.scores is None
    model.fit(noise)  # the last tenth of 399 origins lies behind what was learned: 359 and later
    assert model._fitted.scores.n == 40
    errors = [abs(model.predict(context=noise[:n]).iloc[0] - noise[n]) for n in range(360, 400)]
    half = np.sort(errors)[int(np.ceil(41 * 0.8)) - 1]
    assert model.predict_interval(0.8).diff(axis=1)["upper"].iloc[0] == pytest.approx(2 * half, rel=1e-9)
    split = small(**options, warm_start=True).fit(noise)  # which has kept them out from the beginning
    assert next(iter(split._fitted.learned.values())) == 359 and split.fit(noise)._fitted.scores.n == 40


def test_a_backtest_without_intervals_forecasts_the_same():
    model = small()
    with_intervals = model.backtest(NOISE, n_splits=2, coverage=0.8)
    np.testing.assert_array_equal(model.backtest(NOISE, n_splits=2)["prediction"], with_intervals["prediction"])


def test_an_interrupted_fit_has_no_intervals():
    def interrupt(record):
        raise KeyboardInterrupt

    with pytest.warns(UserWarning, match="interrupted"):
        model = small(callbacks=interrupt).fit(NOISE)
    with pytest.raises(ValueError, match="training was interrupted"):
        model.predict_interval()


# --- Coverage held online ---------------------------------------------------------------------------------------------


def obvious(calibration, online, coverage, rate, ahead=1):
    """One step, by the book: an interval at each origin, from what was known there, and its level after each truth."""
    size = max(len(calibration), 100)

    def half_width(origin, level):
        known = np.concatenate([calibration, online[: max(origin - ahead + 1, 0)]])[-size:]
        return np.sort(known)[int(np.clip(np.ceil((len(known) + 1) * (1 - level) - 1e-9), 1, len(known))) - 1]

    level, levels = 1 - coverage, []
    for k in range(len(online)):
        origin = k - ahead  # whose truth came last
        if origin >= 0:
            nothing = levels[origin] > 1 - 1e-9  # is in an interval of level one
            missed = nothing or online[origin] > half_width(origin, levels[origin])
            level = min(max(level + rate * (1 - coverage - missed), 0.0), 1.0)
        levels.append(level)
    return half_width(len(online) - 1, level)


@pytest.mark.parametrize("rate", [0.01, 0.2, 3.0])  # the last leads to levels of 0 and 1
def test_the_level_moves_after_each_truth(rate):
    rng = np.random.default_rng(0)
    calibration, online = np.abs(rng.normal(size=130)), np.abs(3 * rng.normal(size=60))
    for n in (1, 2, 17, 60):
        own = np.append(online[: n - 1], np.nan)[:, None]
        found = adapted_margins(calibration[:, None], own, 0.9, rate)
        assert found == pytest.approx(obvious(calibration, own[:, 0], 0.9, rate), rel=1e-12)
    for _ in range(60):  # three steps ahead, of which the last origins know less and less
        n, kept = rng.integers(3, 80), rng.integers(9, 120)
        calibration, online = np.abs(rng.normal(size=(kept, 3))), np.abs(2 * rng.normal(size=(n, 3)))
        online[np.arange(n)[:, None] + np.arange(1, 4) >= n] = np.nan
        found = adapted_margins(calibration, online, 0.9, rate)
        wanted = [obvious(calibration[:, h], online[:, h], 0.9, rate, h + 1) for h in range(3)]
        np.testing.assert_allclose(found, wanted, rtol=1e-12)


@pytest.mark.parametrize("coverage", [0.9, 0.5])
def test_errors_that_are_equal_and_few_count_as_those_of_any_other_number(coverage):
    rng, few = np.random.default_rng(1), 9 if coverage == 0.9 else 1
    for _ in range(200):
        n, kept = rng.integers(2, 12), rng.integers(few, few + 4)
        calibration, online = rng.integers(1, 5, (kept, 2)) / 2, rng.integers(1, 6, (n, 2)) / 2
        online[np.arange(n)[:, None] + np.arange(1, 3) >= n] = np.nan
        found = adapted_margins(calibration, online, coverage, 0.3)
        wanted = [obvious(calibration[:, h], online[:, h], coverage, 0.3, h + 1) for h in range(2)]
        assert found.tolist() == wanted


def test_a_level_of_one_is_an_interval_of_nothing_and_none_is_higher():
    """Each error is smaller than all before it: a miss only where the level, which rises by 0.07, has come to 1."""
    calibration, online = np.arange(200.0, 70.0, -1.0)[:, None], np.append(np.arange(60.0, 0.0, -1.0), np.nan)[:, None]
    level = 0.1
    for _ in range(60):
        level = min(max(level + 0.7 * (0.1 - (level > 1 - 1e-9)), 0.0), 1.0)
    known = np.arange(1.0, 131.0)  # the latest 130, which are 1 to 60 and 71 to 140
    known[60:] += 10
    rank = max(int(np.ceil(131 * (1 - level) - 1e-9)), 1)
    assert 0.2 < level < 0.95 and adapted_margins(calibration, online, 0.9, 0.7) == known[rank - 1]


def test_without_later_truths_the_margin_is_that_of_calibration():
    errors = np.abs(np.random.default_rng(0).normal(size=(99, 2)))
    found = adapted_margins(errors, np.full((2, 2), np.nan), 0.9, 0.05)
    np.testing.assert_array_equal(found, np.sort(errors, axis=0)[89])
    widest = adapted_margins(errors[:9], np.full((2, 2), np.nan), 0.9, 0.05)
    np.testing.assert_array_equal(widest, errors[:9].max(axis=0))
    assert np.isnan(adapted_margins(errors[:8], np.full((2, 2), np.nan), 0.9, 0.05)).all()  # too few


def test_truths_that_were_known_in_training_are_none_that_came_later():
    online = Online.begin(0.05, [("a",)], 3, 1)
    later = online.followed_by({("a",): (2, np.arange(12.0).reshape(4, 3, 1))})
    nan = np.nan
    # Three origins up to the end of training: only the last step of the first lies behind it, which was not given.
    wanted = [[nan, nan, nan], [nan, 1.0, 2.0], [3.0, 4.0, 5.0], [6.0, 7.0, 8.0], [9.0, 10.0, 11.0]]
    np.testing.assert_array_equal(later.errors[("a",)][..., 0], wanted)
    np.testing.assert_array_equal(online.errors[("a",)], np.full((3, 3, 1), np.nan))


def test_of_many_series_fewer_errors_are_kept(monkeypatch):
    for numbers, wanted in ((4_000_000, 2000), (2 * 2 * 150, 150), (1, 100)):  # never fewer than widths are taken from
        monkeypatch.setattr("grukit.estimators._adaptive.MOST_NUMBERS", numbers)
        online = Online.begin(0.05, [("a",), ("b",)], 2, 1)
        errors = np.arange(2.0 * 2002).reshape(2002, 2, 1)
        for _ in range(2):
            online = online.followed_by({("a",): (2000, errors)})
        assert len(online.errors[("b",)]) == 2
        np.testing.assert_array_equal(online.errors[("a",)], errors[-wanted:])
    far = Online.begin(0.05, [("a",)], 50, 1).followed_by({("a",): (400, np.ones((400, 50, 1)))})
    assert len(far.errors[("a",)]) == 150  # three times the steps ahead, of which the last ones are known that late
    assert Online(0.05, {}).followed_by({}).errors == {}  # as a file may have it


@pytest.fixture(scope="module")
def louder():
    """Noise whose deviation doubles at row 300."""
    rng = np.random.default_rng(2)
    times = pd.date_range("2024-01-01", periods=900, freq="h", name="time")
    return pd.Series(rng.normal(size=900) * np.where(np.arange(900) < 300, 1.0, 2.0), index=times, name="load")


def test_coverage_comes_back_when_the_noise_doubles(louder):
    """Split calibration covers 59 % of noise twice as loud where it says 90 %; online it is 90 % again."""
    options = {
        "horizon": 2,
        "linear_lags": 0,
        "normalize": None,
        "max_iter": 1,
        "learning_rate_init": 1e-9,
        "dtype": "float32",
    }
    model = small(adaptation_rate=0.05, calibration="split", calibration_fraction=0.3, **options).fit(louder.iloc[:300])
    fixed = small(calibration="split", calibration_fraction=0.3, **options).fit(louder.iloc[:300])
    inside, never = [], []
    for row in range(300, 720):
        truth = louder.iloc[row : row + 2].to_numpy()
        bounds = model.predict_interval(0.9)
        inside.append((bounds["lower"] <= truth) & (truth <= bounds["upper"]))
        if row % 6 == 0:
            bounds = fixed.predict_interval(0.9, context=louder.iloc[row - 6 : row])
            never.append((bounds["lower"] <= truth) & (truth <= bounds["upper"]))
        model.update(louder.iloc[row : row + 1])
    assert np.mean(inside[120:]) == pytest.approx(0.9, abs=0.02)
    assert np.mean(never) < 0.75


def test_how_rows_are_handed_over_does_not_matter(louder):
    X = pd.DataFrame({"price": np.arange(900) % 7.0}, index=louder.index)
    for known in (None, X):
        at_once, in_parts = (small(adaptation_rate=0.1).fit(louder.iloc[:200], known) for _ in range(2))
        at_once.update(louder.iloc[200:240], known)
        for first, last in ((200, 201), (201, 203), (203, 239), (239, 240)):
            in_parts.update(
                louder.iloc[first:last].rename("load" if first == 201 else None), known
            )  # the same series still
        one, other = (model._fitted.online.errors[("load",)] for model in (at_once, in_parts))
        assert one.shape == (43, 3, 1)
        np.testing.assert_allclose(one, other, rtol=1e-9)
        # The first origins whose truths are new, and the last ones, whose horizon is not over; with covariates known ahead
        # their errors wait for that.
        counts = np.isfinite(one[..., 0]).sum(axis=1)
        assert counts[:4].tolist() == [1, 2, 3, 3] and counts[-4:].tolist() == (
            [3, 2, 1, 0] if known is None else [3, 0, 0, 0]
        )
        pd.testing.assert_frame_equal(*(model.predict_interval(0.8, known) for model in (at_once, in_parts)), rtol=1e-9)
        origin = 199 + 10
        ahead = at_once.predict(known, context=louder.iloc[: origin + 1]).to_numpy()
        error = np.abs(ahead - louder.iloc[origin + 1 : origin + 4].to_numpy()) / at_once._fitted.figures[("load",)][1]
        np.testing.assert_allclose(one[2 + 10, :, 0], error, rtol=1e-9)


def test_what_came_later_says_nothing_at_earlier_origins():
    y = pd.concat([NOISE.iloc[:120], NOISE.iloc[119] + 30 * (NOISE.iloc[120:] - NOISE.iloc[119])])
    model = small(adaptation_rate=0.2).fit(y.iloc[:120])
    before = model.predict_interval(0.8, context=y.iloc[:115])
    at_end = model.predict_interval(0.8)
    pd.testing.assert_frame_equal(model.predict_interval(0.8, context=y.iloc[:120]), at_end)
    model.update(y.iloc[120:150])
    pd.testing.assert_frame_equal(model.predict_interval(0.8, context=y.iloc[:115]), before)
    known = model.predict_interval(0.8, context=y.iloc[:150])
    pd.testing.assert_frame_equal(known, model.predict_interval(0.8))
    wide, narrow = (each.diff(axis=1)["upper"].mean() for each in (known, at_end))
    assert wide > 3 * narrow
    with pytest.raises(
        ValueError, match=r"rows up to 2024-01-07 05:00:00, which update brought, .* origin 2024-01-07 00"
    ):
        model.backtest(y, n_splits=5, refit=False, coverage=0.8)
    assert len(model.backtest(y, n_splits=5, refit=False)) == 15
    assert len(model.backtest(y, n_splits=3, refit=False, coverage=0.8)) == 9


def test_intervals_of_one_call_lie_within_each_other():
    """Each coverage has a level of its own, that may have moved further than another's."""
    model = small(adaptation_rate=0.4).fit(NOISE.iloc[:120])
    crossed = 0
    for row in range(120, 160):
        model.update(NOISE.iloc[row : row + 1])
        alone = {each: model.predict_interval(each) for each in (0.8, 0.9)}
        crossed += int((alone[0.9]["upper"] < alone[0.8]["upper"]).any())
        both = model.predict_interval([0.9, 0.8])
        pd.testing.assert_frame_equal(both[0.8], alone[0.8])
        for bound, outer in (("lower", np.minimum), ("upper", np.maximum)):
            wanted = outer(alone[0.8][bound], alone[0.9][bound])
            pd.testing.assert_series_equal(both[(0.9, bound)], wanted, check_names=False)
    assert crossed > 5


def test_of_a_panel_only_series_that_go_on_adapt():
    y = pd.concat({"u": NOISE, "v": 40 - 9 * NOISE}, names=["unit", "time"])
    early = y.groupby(level="unit").head(140)
    model = small(adaptation_rate=0.2).fit(early)
    before = model.predict_interval(0.8)
    shaken = 30 * y[["u"]].groupby(level="unit").tail(20)
    after = model.update(shaken).predict_interval(0.8)
    width = [(each["upper"] - each["lower"]).groupby(level="unit").mean() for each in (before, after)]
    assert width[1]["u"] > 3 * width[0]["u"] and width[1]["v"] == width[0]["v"]
    frame = pd.DataFrame({"u": NOISE, "v": 40 - 9 * NOISE})
    joint = small(adaptation_rate=0.2, channels="joint").fit(frame.iloc[:140])
    joint.update(frame.iloc[140:])
    assert {len(errors) for errors in joint._fitted.online.errors.values()} == {23}
    late = frame[["u", "v"]].assign(u=frame["u"].where(np.arange(160) > 135))  # u calibrates nothing
    beside = small(adaptation_rate=0.2, channels="joint", missing="mask", calibration="split").fit(late.iloc[:140])
    assert list(beside.update(late.iloc[140:])._fitted.online.errors) == [("v",)]
    assert np.isfinite(beside._fitted.online.errors[("v",)]).sum() == 20 * 3
    own = joint._fitted.online.errors[("v",)][2, :, 0]
    ahead = joint.predict(context=frame.iloc[:140])["v"].to_numpy()
    np.testing.assert_allclose(own, np.abs(ahead - y["v"].iloc[140:143]) / joint._fitted.figures[("v",)][1], rtol=1e-9)

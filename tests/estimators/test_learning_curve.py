"""How fast errors fall with rows: by hand, by another way of least squares, and what intervals make of it."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from forecasters import NOISE, small_forecaster

from grukit.estimators._learning_curve import exponent

small = partial(small_forecaster, window=6, calendar=None, calibration="auto")
SIZES = np.array([50, 60, 70, 80, 90])


def blocks_of(errors):
    """Of errors (F, F) of copies at blocks, those that a copy has not seen, the same at each of 40 origins, of one step."""
    return [np.repeat(np.array(errors)[: j + 1, j].reshape(-1, 1, 1), 40, axis=1) for j in range(len(errors))]


def by_least_squares(sizes, errors):
    """Slope and its standard error, of a matrix with a column for each block."""
    at = [(i, j) for j in range(len(sizes)) for i in range(j + 1)]
    design = np.array([[-np.log(sizes[i]), *np.eye(len(sizes))[j]] for i, j in at])
    found, left, _, _ = np.linalg.lstsq(design, np.log([errors[i][j] for i, j in at]), rcond=None)
    variance = left[0] / (len(at) - design.shape[1])
    return found[0], np.sqrt(variance * np.linalg.inv(design.T @ design)[0, 0])


@pytest.mark.parametrize(("b", "wanted"), [(1.0, 1.0), (0.6, 0.6), (0.4, 0.0), (-1.0, 0.0), (1.5, 1.5), (3.0, 1.5)])
def test_of_a_power_law(b, wanted):
    """Each block has its own level, of any sign; there is no standard error."""
    levels = np.array([2.0, -0.1, 30.0, -5.0, 1.0])
    errors = levels * (SIZES[:, None] / 100) ** -b
    assert exponent(SIZES, blocks_of(errors)) == pytest.approx(wanted, abs=1e-9)
    assert exponent(SIZES[:4], blocks_of(errors[:4, :4])) == pytest.approx(wanted, abs=1e-9)
    assert exponent(SIZES[:3], blocks_of(errors[:3, :3])) == 0.0  # of too few copies
    assert exponent(SIZES, [each[:, :39] for each in blocks_of(errors)]) == 0.0  # and of too few origins


def test_a_standard_error_is_taken_off():
    rng, gone_by = np.random.default_rng(0), 0
    for _ in range(50):
        errors = (SIZES[:, None] / 100) ** -1.2 * np.exp(0.3 * rng.normal(size=(5, 5)))
        slope, deviation = by_least_squares(SIZES, errors)
        low = slope - deviation
        assert exponent(SIZES, blocks_of(errors)) == pytest.approx(min(low, 1.5) if low > 0.5 else 0.0, abs=1e-9)
        gone_by += 0.5 < low < 1.5
    assert 10 < gone_by < 40


def test_steps_count_alike_and_what_one_copy_does_not_tell_counts_for_none():
    """Errors of the first step are a thousand times those of the second; two truths lie where some copies know nothing."""
    rng = np.random.default_rng(1)
    curves = [(SIZES / 100) ** -0.5, (SIZES / 100) ** -1.5]
    signs = np.tile([1.0, -2.0], 20)
    whole = [np.stack([1000 * np.outer(curves[0], signs), np.outer(curves[1], 3 * signs)], axis=2)] * 5
    blocks = [each[: j + 1] for j, each in enumerate(whole)]
    assert exponent(SIZES, blocks) == pytest.approx(1.0, abs=1e-9)
    unknown = [np.concatenate([each, rng.normal(size=(len(each), 2, 2))], axis=1) for each in blocks]
    for each in unknown:
        each[0, 40], each[-1, 41] = np.nan, np.nan
    assert exponent(SIZES, unknown) == pytest.approx(1.0, abs=1e-9)
    assert exponent(SIZES, [each[:, 1:] for each in unknown]) == 0.0  # 41 origins, of which 39 are known to all
    for each in unknown:
        each[0] = np.nan  # the first copy knows nothing of these series: there is nothing to compare
    assert exponent(SIZES, unknown) == 0.0


def test_without_errors_there_is_no_curve():
    assert exponent(SIZES, [np.zeros((j + 1, 40, 2)) for j in range(5)]) == 0.0


def test_where_the_curve_is_steep_errors_of_copies_are_taken_for_those_of_the_model(monkeypatch):
    """As a user could: a chirp goes on to what earlier rows say nothing of, so that later copies forecast it better."""
    monkeypatch.setattr("grukit.estimators._learning_curve.FEWEST_ORIGINS", 15)
    y = np.sin(np.arange(160) ** 1.15) + 0.02 * NOISE
    model, blocks = small().fit(y), np.array_split(np.arange(78, 157), 5)
    rows = np.array([block[0] + 1 for block in blocks])
    copies = [small(calibration_fraction=None).fit(y.iloc[:n]) for n in rows]
    for copy in copies:
        copy.weights_ = {
            name: model.network_weight_ * value if name.startswith("head.") else value
            for name, value in copy.weights_.items()
        }

    def errors(copy, block):
        ahead = [copy.predict(context=y.iloc[: origin + 1]).to_numpy() for origin in block]
        return np.abs(np.array(ahead) - [y.iloc[origin + 1 : origin + 4] for origin in block])

    sizes = [[np.exp(np.log(errors(copy, block).mean(axis=0)).mean()) for block in blocks] for copy in copies]
    slope, deviation = by_least_squares(rows, sizes)
    assert 1.0 < slope - deviation < 1.5
    shares = (rows / 160) ** (slope - deviation)
    scaled = [share * errors(copy, block) for share, copy, block in zip(shares, copies, blocks, strict=True)]
    half = np.sort(np.concatenate(scaled), axis=0)[int(np.ceil(80 * 0.9)) - 1]
    found = model.predict_interval(0.9)
    np.testing.assert_allclose(found["upper"] - model.predict(), half, rtol=1e-6)
    for key, residuals in model._fitted.scores.residuals.items():  # which paths are drawn from
        np.testing.assert_array_equal(np.abs(residuals), model._fitted.scores.errors[key][..., 0])


def test_errors_beside_quantiles_are_as_the_copies_have_them(monkeypatch):
    model = small(quantiles=(0.1, 0.5, 0.9))
    before = model.fit(NOISE).predict_interval(0.8)
    monkeypatch.setattr("grukit.estimators._forecast_folds.exponent", lambda sizes, blocks: 1.5)
    pd.testing.assert_frame_equal(model.fit(NOISE).predict_interval(0.8), before)
    one = small().fit(NOISE)._fitted.scores.errors[("load",)]
    monkeypatch.undo()
    other = small().fit(NOISE)._fitted.scores.errors[("load",)]
    np.testing.assert_allclose(one[:16], (79 / 160) ** 1.5 * other[:16], rtol=1e-9)  # of the first copy

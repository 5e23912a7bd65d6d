"""``python -m grukit forecast``: what it prints and writes, and the words of each error."""

import numpy as np
import pandas as pd
import pytest

import grukit
from grukit import GRUForecaster, cli

DAYS = pd.date_range("2024-01-01", periods=70, freq="D")
SMALL = ["--horizon", "4", "--window", "8", "--units", "4", "--epochs", "2"]
MODEL = GRUForecaster(4, horizon=4, window=8, max_iter=2, random_state=0)


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {"date": DAYS.strftime("%Y-%m-%d"), "load": rng.normal(size=70).round(3), "temp": rng.normal(size=70)}
    )


@pytest.fixture
def run(tmp_path, capsys, monkeypatch):
    """Write a table and forecast it; returns status, output, errors."""
    monkeypatch.chdir(tmp_path)

    def run(table, *arguments, name="data.csv", **options):
        if name.endswith(".csv"):
            table.to_csv(name, index=False, **options)
        else:
            table.to_parquet(name, index=False)
        try:
            status = cli.main(["forecast", name, "--time", "date", "--target", "load", *SMALL, *arguments])
        except SystemExit as end:
            status = end.code
        return status, *capsys.readouterr()

    return run


def series_of(table, column="load"):
    return pd.Series(table[column].to_numpy(), index=pd.DatetimeIndex(table["date"]), name=column)


def test_a_forecast_with_its_interval_and_a_backtest(run, table):
    status, output, errors = run(table, "--coverage", "0.8", "--out", "forecast.csv")
    assert (status, errors) == (0, "")
    model = MODEL.fit(series_of(table))
    written = pd.read_csv("forecast.csv", parse_dates=["date"])
    assert written.columns.tolist() == ["date", "prediction", "lower", "upper"]
    np.testing.assert_allclose(written["prediction"], model.predict())
    np.testing.assert_allclose(written[["lower", "upper"]], model.predict_interval(0.8))
    assert written["date"].tolist() == model.predict().index.tolist()
    assert "1 series, 70 rows up to 2024-03-10" in output and "Backtest of 3 origins, 4 steps each" in output
    assert "seasonal naive" in output and "coverage" in output and "Forecast: forecast.csv" in output


@pytest.mark.parametrize(("share", "fewest"), [("0.9", 41), ("0.96", 51)])
def test_with_as_many_rows_as_it_asks_for_there_are_intervals(run, table, monkeypatch, share, fewest):
    status, _, errors = run(table.iloc[:fewest], "--coverage", share, "--splits", "0")
    assert (status, errors) == (0, "")
    monkeypatch.setattr(GRUForecaster, "fit", lambda *args: pytest.fail("it was fitted"))
    status, _, errors = run(table.iloc[: fewest - 1], "--coverage", share, "--splits", "0")
    assert status == 2 and f"needs {fewest} rows of a series; there are {fewest - 1}" in errors


def test_errors_that_nobody_reads_are_not_made(run, table, monkeypatch):
    fitted, fit = [], GRUForecaster.fit
    monkeypatch.setattr(
        GRUForecaster, "fit", lambda self, *args: fitted.append(self.calibration_fraction) or fit(self, *args)
    )
    for more in ([], ["--coverage", "0.8"], ["--save", "load.gru"]):
        assert run(table, "--splits", "0", *more)[0] == 0
    assert fitted == [None, 0.1, 0.1]


def test_the_model_is_saved_where_it_is_asked_for(run, table):
    status, output, errors = run(table, "--splits", "0", "--save", "load.gru", "--out", "forecast.csv")
    assert (status, errors) == (0, "") and output.endswith("Model: load.gru\n")
    model = grukit.load("load.gru")
    written = pd.read_csv("forecast.csv", parse_dates=["date"])
    np.testing.assert_allclose(model.predict(), written["prediction"])
    assert model.predict().name == "load" and model.get_params()["verbose"] is False


@pytest.mark.parametrize("option", ["--save", "--out", "--plot"])
def test_a_folder_that_is_missing_is_told_before_any_work(run, table, option):
    status, output, errors = run(table, option, "missing/a.png")
    assert (status, output) == (1, "")
    assert errors == f"grukit forecast: the folder of {option} does not exist: missing\n"


def test_nothing_is_written_that_nobody_asked_for(run, table, tmp_path):
    status, output, _ = run(table, "--splits", "0")
    assert status == 0 and [path.name for path in tmp_path.iterdir()] == ["data.csv"]
    forecast = MODEL.fit(series_of(table)).predict()
    assert f"2024-03-11      {forecast.iloc[0]:.4g}" in output and "Backtest" not in output


def test_several_series_of_unequal_end_and_what_is_known_ahead(run, table):
    future = pd.DataFrame(
        {"date": pd.date_range(DAYS[-1], periods=5)[1:].strftime("%Y-%m-%d"), "load": np.nan, "temp": 0.5}
    )
    one = pd.concat([table, future])
    other = one.iloc[4:].assign(load=lambda frame: frame["load"].where(frame["date"] < "2024-03-01"))
    both = pd.concat([one.assign(unit="b"), other.assign(unit="a")]).sample(frac=1, random_state=0).sort_values("date")
    status, _, errors = run(both, "--series", "unit", "--known", "temp", "--splits", "2", "--out", "ahead.csv")
    assert (status, errors) == (0, "")
    written = pd.read_csv("ahead.csv")
    assert written.columns.tolist() == ["unit", "date", "prediction"]
    first = written.groupby("unit")["date"].first()
    assert first.to_dict() == {"a": "2024-03-01", "b": "2024-03-11"} and written["prediction"].notna().all()


def test_parquet_and_columns_of_the_past(run, table):
    typed = table.assign(date=DAYS)
    status, _, errors = run(typed, "--past", "temp", "--splits", "0", "--out", "ahead.parquet", name="data.parquet")
    assert (status, errors) == (0, "")
    written = pd.read_parquet("ahead.parquet")
    model = MODEL.fit(series_of(table), past_X=series_of(table, "temp"))
    np.testing.assert_allclose(written["prediction"], model.predict())


def test_decimal_commas(run, table):
    comma = {"sep": ";", "decimal": ","}
    flags = ["--separator", ";", "--decimal", ",", "--splits", "0", "--out", "ahead.csv"]
    status, _, errors = run(table, *flags, **comma)
    assert (status, errors) == (0, "")
    written = pd.read_csv("ahead.csv", sep=";", decimal=",")
    np.testing.assert_allclose(written["prediction"], MODEL.fit(series_of(table)).predict())


def test_a_picture(run, table):
    status, output, _ = run(table, "--coverage", "0.8", "--splits", "0", "--plot", "ahead.png")
    assert status == 0 and "Picture: ahead.png" in output
    with open("ahead.png", "rb") as file:
        assert file.read(8) == b"\x89PNG\r\n\x1a\n"


def changed(table, row, column, value):
    table = table.astype({column: object})
    table.loc[row, column] = value
    return table


@pytest.mark.parametrize(
    ("change", "arguments", "words"),
    [
        (lambda t: changed(t, 5, "load", "high"), [], "line 7, column 'load': 'high' is no number.\n"),
        (
            lambda t: changed(t, 5, "load", "1,5"),
            [],
            "'1,5' is no number. Where a comma is the decimal point, use --decimal",
        ),
        (lambda t: changed(t, 5, "temp", "x"), ["--past", "temp"], "line 7, column 'temp': 'x' is no number"),
        (lambda t: changed(t, 9, "date", "soon"), [], "line 11, column 'date': 'soon' is no time like '2024-01-01'"),
        (lambda t: changed(t, 9, "date", ""), [], "line 11, column 'date': the time is missing"),
        (lambda t: t.drop(20), [], "gap: after 2024-01-20 00:00:00 (row 19) comes 2024-01-22 00:00:00; 2024-01-21"),
        (lambda t: t.drop(20), [], "Or use --missing mask."),
        (lambda t: changed(t, 5, "load", ""), [], "y contains NaN at 2024-01-06 00:00:00 (row 5)"),
        (lambda t: t.assign(load=""), [], "column 'load' has no value."),
        (lambda t: t.iloc[::-1], [], "not sorted: 2024-03-09 00:00:00 (row 1) comes after 2024-03-10 00:00:00"),
        (lambda t: pd.concat([t, t]), [], "not sorted"),
        (lambda t: t, ["--series", "unit"], "there is no column 'unit'; there are ['date', 'load', 'temp']"),
        (lambda t: t.assign(unit=""), ["--series", "unit"], "line 2, column 'unit': the series has no name"),
        (lambda t: t, ["--known", "load"], "column 'load' is asked for twice"),
        (
            lambda t: t,
            ["--known", "temp"],
            "--known needs rows of 4 more steps after the last 'load', at 2024-03-10 00:00:00; there are 0",
        ),
        (lambda t: t.iloc[:0], [], "there are no rows"),
        (lambda t: t.iloc[:12], ["--splits", "5"], "y has 12. Or leave the backtest out, with --splits 0"),
        (
            lambda t: t.iloc[:20],
            ["--coverage", "0.9", "--splits", "0"],
            "--coverage 0.9 with --horizon 4 needs 41 rows of a series; there are 20. Leave --coverage out, or give more",
        ),
        (
            lambda t: t.iloc[:52],
            ["--coverage", "0.9"],
            "needs 41 rows of a series, and 12 more for a backtest with --splits 3; there are 52.",
        ),
        (
            lambda t: t,
            ["--coverage", "0.98", "--splits", "0"],
            "--coverage 0.98 with --horizon 4 needs 101 rows of a series; there are 70.",
        ),
        (
            lambda t: pd.concat([t.assign(unit="a"), t.assign(unit="b")]),
            ["--series", "unit", "--plot", "a.png"],
            "names 2",
        ),
    ],
)
def test_the_words_of_each_error(run, table, change, arguments, words):
    status, _, errors = run(change(table), *arguments)
    assert status == 2 and errors.startswith("grukit forecast: data.csv: ") and words in errors


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--coverage", "90"], "it must lie between 0 and 1: '90'"),
        (["--horizon", "0"], "it must be a positive whole number: '0'"),
        (["--splits", "-1"], "it must be a whole number, not negative"),
        (["--plot", "a.jpg"], "must end in .png"),
    ],
)
def test_arguments_that_are_refused(run, table, arguments, words):
    status, _, errors = run(table, *arguments)
    assert status == 2 and errors.startswith("usage: grukit forecast") and words in errors


def test_a_file_that_is_not_there(capsys):
    assert cli.main(["forecast", "none.csv", "--time", "a", "--target", "b", "--horizon", "2"]) == 1
    assert "grukit forecast: " in capsys.readouterr().err


def test_missing_rows_may_be_allowed(run, table):
    gappy = changed(table.drop(20), 5, "load", "")
    status, output, errors = run(gappy, "--missing", "mask", "--splits", "1")
    assert (status, errors) == (0, "") and "seasonal naive" in output

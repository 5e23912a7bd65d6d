"""``python -m grukit forecast``: what it prints and writes, and the words of each error."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import grukit
from grukit import GRUForecaster, cli

DAYS = pd.date_range("2024-01-01", periods=70, freq="D")
SMALL = ["--horizon", "4", "--window", "8", "--units", "4", "--epochs", "2"]
PANDAS_TELLS = int(pd.__version__.split(".")[0]) >= 3  # of cells beyond the header that are empty
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
            table.to_parquet(name, **{"index": False, **options})
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
    monkeypatch.setattr(GRUForecaster, "fit", lambda *args, **options: pytest.fail("it was fitted"))
    status, _, errors = run(table.iloc[: fewest - 1], "--coverage", share, "--splits", "0")
    assert status == 2 and f"needs {fewest} rows of a series; there are {fewest - 1}" in errors


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


def test_what_would_be_written_over_or_is_a_folder_is_told_before_any_work(run, table, tmp_path):
    for arguments, status, words in (
        (["--out", "./data.csv"], 2, "data.csv: --out data.csv would write over the file that is read.\n"),
        (["--out", "a", "--save", str(tmp_path / "a")], 2, "a would write over --out.\n"),
        (["--out", "a.xlsx"], 2, "--out writes CSV, or Parquet to a name that ends in .parquet; got a.xlsx.\n"),
        (["--save", "."], 1, "--save is a folder: .\n"),
    ):
        ended, output, errors = run(table, *arguments)
        assert (ended, output) == (status, "") and errors.startswith("grukit forecast: ") and errors.endswith(words)
    assert pd.read_csv("data.csv").columns.tolist() == ["date", "load", "temp"]
    assert [path.name for path in tmp_path.iterdir()] == ["data.csv"]


def test_a_link_to_save_at_and_memory_that_is_not_there_are_told(run, table, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "model.gru")
    status, output, errors = run(table, "--save", "link")
    assert (status, output) == (1, "") and "link is a symbolic link, to " in errors
    status, _, errors = run(table, "--window", "9" * 18, "--splits", "0")
    assert status == 1 and errors.startswith("grukit forecast: Unable to allocate ")


def test_nothing_is_written_that_nobody_asked_for(run, table, tmp_path):
    status, output, _ = run(table, "--splits", "0")
    assert status == 0 and [path.name for path in tmp_path.iterdir()] == ["data.csv"]
    forecast = MODEL.fit(series_of(table)).predict()
    lines = [line.split() for line in output.splitlines()]
    assert ["2024-03-11", f"{forecast.iloc[0]:.4g}"] in lines and "Backtest" not in output


def test_several_series_of_unequal_end_and_what_is_known_ahead(run, table):
    future = pd.DataFrame(
        {"date": pd.date_range(DAYS[-1], periods=5)[1:].strftime("%Y-%m-%d"), "load": np.nan, "temp": 0.5}
    )
    one = pd.concat([table, future])
    other = one.iloc[4:].assign(load=lambda frame: frame["load"].where(frame["date"] < "2024-03-01"))
    both = pd.concat([one.assign(unit="b"), other.assign(unit="a")]).sample(frac=1, random_state=0).sort_values("date")
    status, told, errors = run(both, "--series", "unit", "--known", "temp", "--splits", "2", "--out", "ahead.csv")
    assert (status, errors) == (0, "")
    assert "Backtest of 2 origins, 4 steps each, without 1 of 2 series, which end earlier:" in told
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


@pytest.mark.parametrize("word", ["", "n/a", "N/A", "<NA>", "null", "#N/A"])
def test_words_that_pandas_reads_as_missing_are_missing(run, table, word):
    status, _, errors = run(changed(table, 5, "load", word), "--splits", "0")
    assert status == 2 and "line 7, column 'load': the value at 2024-01-06 00:00:00 is missing." in errors
    told = [run(changed(table, 5, "load", each), "--splits", "0", "--missing", "mask") for each in (word, np.nan)]
    assert told[0] == told[1] and told[0][0] == 0


def test_true_and_false_are_one_and_zero(run, table):
    truths = table.assign(temp=table["temp"] > 0)
    flags = ["--past", "temp", "--splits", "0", "--out", "ahead.csv"]
    status, _, errors = run(truths, *flags)
    assert (status, errors) == (0, "")
    model = MODEL.fit(series_of(table), past_X=series_of(truths.astype({"temp": float}), "temp"))
    np.testing.assert_allclose(pd.read_csv("ahead.csv")["prediction"], model.predict())
    status, _, errors = run(changed(truths, 5, "temp", 2.5), *flags)
    assert status == 2 and "line 2, column 'temp': 'True' is no number." in errors


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
        (
            lambda t: changed(t, 5, "load", "1,234.5"),
            [],
            "'1,234.5' is no number. With --decimal '.', numbers must be written without ',', between thousands, too.\n",
        ),
        (
            lambda t: changed(t.assign(load="1"), 5, "load", "1.234"),
            ["--decimal", ","],
            "line 7, column 'load': '1.234' is no number. With --decimal ',', numbers must be written without '.'",
        ),
        (lambda t: changed(t, 5, "temp", "x"), ["--past", "temp"], "line 7, column 'temp': 'x' is no number"),
        (lambda t: changed(t, 9, "date", "soon"), [], "line 11, column 'date': 'soon' is no time like '2024-01-01'"),
        (lambda t: changed(t, 9, "date", ""), [], "line 11, column 'date': the time is missing"),
        (lambda t: t.drop(20), [], "gap: after 2024-01-20 00:00:00 (row 19) comes 2024-01-22 00:00:00; 2024-01-21"),
        (lambda t: t.drop(20), [], "Or use --missing mask.\n"),
        (
            lambda t: changed(t, 5, "load", ""),
            [],
            "line 7, column 'load': the value at 2024-01-06 00:00:00 is missing. ",
        ),
        (lambda t: changed(t, 5, "load", ""), [], "missing. Fill it in, or use --missing mask.\n"),
        (lambda t: t.assign(load=""), [], "column 'load' has no value."),
        (
            lambda t: t.iloc[::-1],
            [],
            "line 3, column 'date': the times are not sorted: 2024-03-09 00:00:00 comes after",
        ),
        (
            lambda t: t.iloc[::-1],
            [],
            "after 2024-03-10 00:00:00 in line 2. Sort the rows by time. Where they are several",
        ),
        (lambda t: pd.concat([t, t]), [], "line 72, column 'date': the times are not sorted: 2024-01-01 00:00:00"),
        (
            lambda t: t.iloc[[0, 1, 2, 2, 3]],
            [],
            "line 5, column 'date': 2024-01-03 00:00:00 is there twice, in line 4 too.",
        ),
        (
            lambda t: pd.concat([t.assign(unit="b"), changed(t, 8, "load", "").assign(unit="a")]),
            ["--series", "unit"],
            "line 80, column 'load': the value at 2024-01-09 00:00:00 of series 'a' is missing.",
        ),
        (
            lambda t: pd.concat([t.assign(unit="b"), t.iloc[[0, 2, 1]].assign(unit="a")]),
            ["--series", "unit"],
            "line 74, column 'date': the times of series 'a' are not sorted: 2024-01-02 00:00:00 comes after 2024-01-03 "
            "00:00:00 in line 73. Sort the rows by time.\n",
        ),
        (
            lambda t: t.assign(date=DAYS.strftime("%d/%m/%Y")),
            [],
            "line 14, column 'date': '13/01/2024' is no time like '01/01/2024'. Where the day comes first, use --time-format "
            "'%d/%m/%Y'.\n",
        ),
        (
            lambda t: t.assign(date=pd.date_range("2015", periods=len(t), freq="MS").strftime("%d/%m/%Y")),
            [],
            "line 3, column 'date': '01/02/2015' may mean several days; where the month comes first, all are of one month. "
            "Where the day comes first, use --time-format '%d/%m/%Y'.\n",
        ),
        (
            lambda t: t.assign(date=DAYS.strftime("%d-%m-%y 07:30")),
            [],
            "'01-01-24 07:30' may mean several days. Where the day comes first, use --time-format '%d-%m-%y %H:%M'.\n",
        ),
        (
            lambda t: t,
            ["--time-format", "%d/%m/%Y"],
            "line 2, column 'date': '2024-01-01' is no time like '%d/%m/%Y'.\n",
        ),
        (
            lambda t: t.assign(date=[*range(69), "9" * 20]),
            [],
            f"line 71, column 'date': {'9' * 20} is too large for the number",
        ),
        (lambda t: pd.DataFrame(), [], "the file is empty; a header and a row for each time are needed."),
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
        (["--separator", "::"], "it must be one character, or tab: '::'"),
        (["--decimal", ";"], "it must be . or ,: ';'"),
        (["--encoding", "latin-99"], "there is no encoding of this name: 'latin-99'"),
        (["--encoding", "base64"], "there is no encoding of this name: 'base64'"),  # of bytes, not of text
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


@pytest.mark.parametrize(
    ("times", "arguments"),
    [
        ([f"{time:%d/%m/%Y}" for time in DAYS], ["--time-format", "%d/%m/%Y"]),
        ([f"{time:%d.%m.%Y}" for time in DAYS], []),
        ([f"{time:%Y%m%d}" for time in DAYS], []),
    ],
)
def test_dates_as_people_write_them(run, table, times, arguments):
    status, output, errors = run(table.assign(date=times), "--splits", "0", "--out", "ahead.csv", *arguments)
    assert (status, errors) == (0, "") and "70 rows up to 2024-03-10" in output
    written = pd.read_csv("ahead.csv", parse_dates=["date"])
    expected = MODEL.fit(series_of(table)).predict()
    np.testing.assert_allclose(written["prediction"], expected)
    assert written["date"].tolist() == expected.index.tolist()


def test_months_with_the_day_first_are_months(run, table):
    months = pd.date_range("2019-01-01", periods=70, freq="MS")
    status, _, errors = run(table.assign(date=months.strftime("%d.%m.%Y")), "--splits", "0", "--out", "ahead.csv")
    assert (status, errors) == (0, "")
    assert pd.read_csv("ahead.csv")["date"].tolist() == ["2024-11-01", "2024-12-01", "2025-01-01", "2025-02-01"]


def test_hours_across_a_change_of_the_clock_are_told_in_utc(run, table):
    hours = pd.date_range("2024-03-29 12:00", periods=70, freq="h", tz="Europe/Berlin")
    status, _, errors = run(table.assign(date=hours.astype(str)), "--splits", "0", "--out", "ahead.csv")
    assert (status, errors) == (0, "")
    written = pd.read_csv("ahead.csv", parse_dates=["date"])
    assert written["date"].tolist() == pd.date_range(hours[-1], periods=5, freq="h").tz_convert("UTC").tolist()[1:]
    expected = MODEL.fit(pd.Series(table["load"].to_numpy(), hours.tz_convert("UTC"))).predict()
    np.testing.assert_allclose(written["prediction"], expected)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda lines: [lines[0], *(f"{line},7" for line in lines[1:])], "rows have more cells than the header has names."),
        pytest.param(
            lambda lines: [lines[0], *(f"{line}," for line in lines[1:])], "Name each column, or end no row with a separator.",
            marks=pytest.mark.skipif(not PANDAS_TELLS, reason="this pandas leaves empty cells out at the end of rows"),
        ),
        (lambda lines: [line.replace(",", ";").replace(".", ",") for line in lines],
         "more cells than the header has names. If its names are separated by ';', say so with --separator ';'."),
        (lambda lines: [*lines[:9], lines[9] + ",x", *lines[10:]], "line 10 has 4 cells, those before it 3. A text or number"),
        (lambda lines: [lines[0].replace("temp", "load"), *lines[1:]], "there are two columns 'load'. Give each a name of"),
        (lambda lines: [line.replace(",", ";") for line in lines], "['date;load;temp']. Columns are separated by --sep"),
        (lambda lines: [lines[0], *(line.replace("2024-", "2024-W") for line in lines[1:])],
         "line 2, column 'date': '2024-W01-01' is no time; --time-format says how it is written."),
    ],
)  # fmt: skip
def test_the_words_of_what_is_no_table(table, tmp_path, capsys, change, words):
    path = tmp_path / "data.csv"
    path.write_text("\n".join(change(table.to_csv(index=False).splitlines())))
    with pytest.raises(SystemExit, match="2"):
        cli.main(["forecast", str(path), "--time", "date", "--target", "load", *SMALL])
    assert words in capsys.readouterr().err


def test_a_column_without_a_name_is_called_as_pandas_does(table, tmp_path, capsys):
    path = tmp_path / "data.csv"
    series_of(table).rename_axis(None).to_csv(path)
    arguments = ["forecast", str(path), "--time", "Unnamed: 0", "--target", "load", *SMALL, "--splits", "0"]
    assert cli.main(arguments) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["2024-03-11", f"{MODEL.fit(series_of(table)).predict().iloc[0]:.4g}"] in lines


@pytest.mark.parametrize("separator", ["tab", r"\t"])
def test_tabs(run, table, separator):
    status, _, errors = run(table, "--separator", separator, "--splits", "0", "--out", "ahead.csv", sep="\t")
    assert (status, errors) == (0, "")
    np.testing.assert_allclose(pd.read_csv("ahead.csv", sep="\t")["prediction"], MODEL.fit(series_of(table)).predict())


@pytest.mark.parametrize("separator", [",", "\t"])
def test_blank_lines_are_lines(table, tmp_path, monkeypatch, capsys, separator):
    """As where a file was written with two ends of each line."""
    monkeypatch.chdir(tmp_path)
    text = changed(table, 9, "load", "much").to_csv(index=False, sep=separator).splitlines()
    Path("data.csv").write_text("\n \n" + "\n\n".join(text))
    with pytest.raises(SystemExit):
        cli.main(["forecast", "data.csv", "--time", "date", "--target", "load", "--separator", separator, *SMALL])
    assert "data.csv: line 23, column 'load': 'much' is no number." in capsys.readouterr().err


def test_encodings(run, table):
    named = table.assign(straße=1.0)
    arguments = ["--past", "straße", "--splits", "0"]
    status, _, errors = run(named, *arguments, encoding="cp1252")
    assert (
        status == 2
        and "the file is no text in utf-8. Say which encoding it has, for instance with --encoding" in errors
    )
    assert run(named, *arguments, "--encoding", "latin-1", encoding="latin-1")[0] == 0
    assert run(named, *arguments, encoding="utf-8-sig")[0] == 0


def test_an_index_with_a_name_is_a_column_of_a_parquet_file(run, table):
    status, _, errors = run(table.assign(date=DAYS).set_index("date"), "--splits", "0", name="data.parquet", index=True)
    assert (status, errors) == (0, "")


@pytest.fixture
def units(table):
    """Three series as a long table, and what is known of each, in another order and with a row too many."""
    rng = np.random.default_rng(1)
    both = [table.assign(unit=unit, load=table["load"] + rng.normal(size=70).round(3)) for unit in ("7", "b", "c")]
    told = pd.DataFrame(
        {"unit": ["c", "b", "d", "7"], "size": ["3,5", "2", "1", "1"], "kind": ["shop", "depot", "other", "shop"]}
    )
    return pd.concat(both), told


def panel_of(long):
    return long.assign(date=pd.to_datetime(long["date"])).set_index(["unit", "date"])["load"]


def test_what_is_known_of_each_series_is_read_by_the_fit_the_backtest_and_the_file(run, units, monkeypatch):
    long, told = units
    told.to_csv("told.csv", index=False, sep=";")
    flags = ["--series", "unit", "--static", "told.csv", "--splits", "1", "--separator", ";", "--decimal", ","]
    seen, backtest = [], GRUForecaster.backtest

    def spied(self, y, **options):
        seen.append(options["static"])
        return backtest(self, y, **options)

    monkeypatch.setattr(GRUForecaster, "backtest", spied)
    status, output, errors = run(long, *flags, "--save", "load.gru", "--out", "ahead.csv", sep=";", decimal=",")
    assert (status, errors) == (0, "") and "Backtest of 1 origins" in output
    static = pd.DataFrame({"size": [1.0, 2.0, 3.5], "kind": ["shop", "depot", "shop"]}, index=["7", "b", "c"])
    pd.testing.assert_frame_equal(seen[0].loc[static.index], static)
    expected = MODEL.fit(panel_of(long), static=static).predict()
    written = pd.read_csv("ahead.csv", sep=";", decimal=",")
    np.testing.assert_allclose(written["prediction"], expected)
    model = grukit.load("load.gru")
    np.testing.assert_allclose(model.predict(), expected)
    own = panel_of(long).loc[["b"]]
    asked = [model.predict(context=own, static=pd.DataFrame({"size": [2.0], "kind": [kind]}, index=["b"]))
             for kind in ("depot", "shop")]  # fmt: skip
    np.testing.assert_allclose(asked[0], expected.loc["b"], rtol=1e-5)
    assert (asked[0] != asked[1]).all()


def test_names_that_are_numbers_in_one_of_the_files(run, units):
    long, told = units
    long, told = (each[each["unit"] == "7"].assign(unit=7) for each in units)
    told.rename(columns={"unit": "name"}).to_csv("told.csv", index=False)  # the first column names the series, then
    flags = ["--series", "unit", "--static", "told.csv", "--splits", "0", "--out", "ahead.csv"]
    status, _, errors = run(long.assign(date=pd.to_datetime(long["date"])), *flags, name="data.parquet")
    assert (status, errors) == (0, "") and pd.read_csv("ahead.csv")["unit"].tolist() == [7] * 4


@pytest.mark.parametrize(
    ("change", "flags", "words"),
    [
        (lambda t: t, [None], "--static tells series apart by their names; say which column holds these, with --series."),
        (lambda t: t.iloc[:3], [], "told.csv: there is no row of series '7'; its column 'unit' names 'c', 'b', 'd'.\n"),
        (lambda t: t.iloc[[0, 1, 2, 3, 1]], [], "told.csv: line 6, column 'unit': series 'b' is there twice, in line 3"),
        (lambda t: t[["unit"]], [], "told.csv: beside the column 'unit', which names the series, a column of what is known"),
        (lambda t: changed(t.assign(size=1), 1, "kind", " "), [], "told.csv: line 3, column 'kind': the value is missing."),
        (lambda t: changed(t.assign(size=1), 3, "size", "x"), [], "line 5, column 'size': 'x' is no number with --decimal"),
        (lambda t: t, [], "line 2, column 'size': '3,5' is no number with --decimal '.', but the column looks like numbers."),
        (lambda t: t.iloc[[0, 3, 1]].assign(size="1,5"), [], "line 2, column 'size': '1,5' is no number with --decimal '.'"),
        (lambda t: t.rename(columns={"kind": "size"}), [], "told.csv: there are two columns 'size'. Give each a name of its"),
        (lambda t: t.iloc[:0], [], "told.csv: there is no row of series '7'; its column 'unit' names none.\n"),
        (lambda t: pd.DataFrame(), [], "told.csv: the file is empty; a header and a row for each"),
        (lambda t: t, ["--out", "told.csv"], "--out told.csv would write over the file that is read.\n"),
    ],
)  # fmt: skip
def test_the_words_of_each_error_in_what_is_known_of_series(run, units, monkeypatch, change, flags, words):
    monkeypatch.setattr(GRUForecaster, "fit", lambda *args, **options: pytest.fail("it was fitted"))
    change(units[1]).to_csv("told.csv", index=False)
    series = [] if None in flags else ["--series", "unit"]
    flags = [flag for flag in flags if None not in flags]
    status, output, errors = run(units[0], *series, "--static", "told.csv", *flags)
    assert (status, output) == (2, "") and errors.startswith("grukit forecast: data.csv: ") and words in errors


def test_intervals_of_many_series_are_refused_before_the_fit_where_a_tenth_cannot_calibrate(run, monkeypatch):
    """Of more than 2500 origins the last 19, or tenth, calibrate, and half of all must be left for training."""
    rng = np.random.default_rng(0)
    fewest = 48  # of 44 origins the last 19 calibrate, and the first 22 end before these begin
    long = pd.concat(
        [pd.DataFrame({"date": DAYS, "load": rng.normal(size=70), "unit": f"u{unit:02}"}) for unit in range(65)]
    )
    flags = ["--series", "unit", "--coverage", "0.9", "--splits", "0", "--epochs", "1", "--out", "ahead.csv"]

    def first(n):
        return long[long["date"] < DAYS[n]]

    assert run(first(fewest), *flags)[0] == 0
    assert pd.read_csv("ahead.csv")["upper"].notna().all()
    monkeypatch.setattr(GRUForecaster, "fit", lambda *args, **options: pytest.fail("it was fitted"))
    status, _, errors = run(first(fewest - 1), *flags)
    assert status == 2 and f"needs {fewest} rows of a series; there are {fewest - 1}." in errors

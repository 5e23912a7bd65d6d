"""The command line: what it prints, writes and returns."""

import contextlib
import csv
import ctypes
import io
import platform
import re
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import joblib
import llvmlite
import matplotlib
import numba
import numpy as np
import pandas as pd
import pytest
import scipy
import sklearn
from child import run_code
from sklearn.linear_model import Ridge
from thorough import FULL

import grukit
from grukit import GRUForecaster, cli
from grukit import demo as demo_module
from grukit import info as info_module
from grukit.datasets import load_elnino
from grukit.engines import select_engine

matplotlib.use("Agg")

from matplotlib import pyplot as plt

ROOT = Path(__file__).resolve().parents[1]


def run(*arguments):
    """Status, standard output and standard error of a command that runs in this process."""
    output, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        status = cli.main(list(arguments))
    return SimpleNamespace(status=status, output=output.getvalue(), errors=errors.getvalue())


def rows_of(output):
    """{method: (MAE, RMSE, % inside, width, seconds of the fit)} from the printed table, None where there is none."""
    pattern = r"^(.+?) +(\d+\.\d{3}) +(\d+\.\d{3}) +(-|\d+\.\d%) +(-|\d+\.\d\d) +(-|\d+\.\d+ s)$"
    return {
        name: tuple(None if number == "-" else float(number.rstrip("% s")) for number in numbers)
        for name, *numbers in re.findall(pattern, output, flags=re.MULTILINE)
    }


@pytest.fixture(scope="module")
def sst():
    """The months as a plain array, read without grukit; entry 0 is January 1950."""
    with (ROOT / "datasets" / "elnino.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert rows[0]["date"].startswith("1950-01") and rows[-1]["date"].startswith("2010-12") and len(rows) == 732
    return np.array([float(row["sst"]) for row in rows])


FIRST_TEST, N_TEST, HORIZON = 12 * (2001 - 1950), 120, 6
ORIGINS = range(FIRST_TEST - 1, FIRST_TEST + N_TEST - HORIZON)  # 115 months, the last of which six more are known


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """A run of the demo in a folder of its own, with the default output."""
    folder = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        outcome = run("demo")
    outcome.folder = folder
    return outcome


# -- demo --------------------------------------------------------------------------------------------------------------


def test_demo_succeeds_and_writes_its_picture_and_nothing_else(demo):
    assert demo.status == 0 and demo.errors == ""
    assert [path.name for path in demo.folder.iterdir()] == ["grukit-demo.png"]
    assert demo.output.endswith(f"Picture: {demo.folder / 'grukit-demo.png'}\n")


def test_demo_leaves_pyplot_alone(demo):
    assert plt.get_fignums() == []


def test_demo_picture_is_an_image_of_sensible_size(demo):
    path = demo.folder / "grukit-demo.png"
    assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert 20_000 < path.stat().st_size < 1_000_000
    height, width, _ = plt.imread(path).shape
    assert (width, height) == (1650, 600)
    image = plt.imread(path)[..., :3]
    for half, least in ((image[:, :1070], 1500), (image[:, 1180:], 300)):  # ten years, and six months of the future
        blue = np.abs(half - np.array([0, 0x72, 0xB2]) / 255).max(axis=-1) < 0.02
        assert blue.sum() > least and (half.max(axis=-1) < 0.1).sum() > 500
        pale = (np.abs(half[..., 0] - half[..., 2]) > 0.05) & (half.min(axis=-1) > 0.5)  # the intervals
        assert pale.sum() > 5 * least


def test_demo_says_what_the_data_are(demo):
    text = " ".join(demo.output.split())
    for part in ("sea-surface temperature", "732 monthly", "degC", "1950-01 to 2010-12", "2001-01 to 2010-12"):
        assert part in text
    assert f"{len(ORIGINS)} forecasts" in text and f"{len(ORIGINS)} x {HORIZON} months" in text


def test_demo_table_of_seasonal_naive_is_right(demo, sst):
    errors = np.array([sst[t + step] - sst[t + step - 12] for t in ORIGINS for step in range(1, HORIZON + 1)])
    mae, rmse, inside, width, fit = rows_of(demo.output)["seasonal naive"]
    assert mae == pytest.approx(np.abs(errors).mean(), abs=5.1e-4)
    assert rmse == pytest.approx(np.sqrt((errors**2).mean()), abs=5.1e-4)
    assert inside > 90 and width > 2 * mae and fit is None


def test_demo_table_of_ridge_is_right(demo, sst):
    """By loops over the months: at month t six temperatures and the time of year are known, t + 1 to t + 6 are not."""

    def features(t):
        waves = [wave(2 * np.pi * k * (t % 12) / 12) for k in (1, 2, 3) for wave in (np.sin, np.cos)]
        return [sst[t - lag] for lag in range(6)] + waves

    past = range(5, FIRST_TEST - HORIZON)
    X = np.array([features(t) for t in past])
    Y = np.array([[sst[t + h] - sst[t] for h in range(1, 7)] for t in past])
    mean, scale = X.mean(axis=0), X.std(axis=0)
    model = Ridge(alpha=1.0).fit((X - mean) / scale, Y)
    errors = []
    for t in ORIGINS:
        [changes] = model.predict([(np.array(features(t)) - mean) / scale])
        errors += [sst[t] + changes[h - 1] - sst[t + h] for h in range(1, 7)]
    mae, rmse, *intervals, _ = rows_of(demo.output)["ridge on 6 lags"]
    assert mae == pytest.approx(np.abs(errors).mean(), abs=6e-4)
    assert rmse == pytest.approx(np.sqrt(np.square(errors).mean()), abs=6e-4)
    assert intervals == [None, None]


@pytest.fixture(scope="module")
def judged():
    """The forecaster with its default settings, its forecasts, and those from the end of the data."""
    series = load_elnino()["sst"]
    model = GRUForecaster(horizon=HORIZON, random_state=0).fit(series[:"2000"])
    table = model.backtest(series, n_splits=len(ORIGINS), stride=1, refit=False, coverage=0.9)
    return table, model.update(series["2001":])


def test_demo_table_of_the_forecaster_is_right(demo, judged):
    table, _ = judged
    errors = table["truth"] - table["prediction"]
    hit = (table["lower"] <= table["truth"]) & (table["truth"] <= table["upper"])
    mae, rmse, inside, width, seconds = rows_of(demo.output)["GRUForecaster"]
    assert mae == pytest.approx(errors.abs().mean(), abs=5.1e-4)
    assert rmse == pytest.approx(np.sqrt((errors**2).mean()), abs=5.1e-4)
    assert inside == pytest.approx(100 * hit.mean(), abs=0.051)
    assert width == pytest.approx((table["upper"] - table["lower"]).mean(), abs=5.1e-3)
    assert seconds < 60
    assert f"Of its 90% intervals, {hit.mean():.1%} had the truth inside" in " ".join(demo.output.split())


def test_demo_ends_with_the_future_its_interval_and_how_often_such_a_one_held(demo, judged):
    table, model = judged
    rows = re.findall(r"^(2011-\d\d) +(\d+\.\d) +(\d+\.\d) to (\d+\.\d) +(\d+\.\d)%$", demo.output, flags=re.MULTILINE)
    assert [month for month, *_ in rows] == [f"2011-0{month}" for month in range(1, 7)]
    found = np.array([[float(number) for number in numbers] for _, *numbers in rows])
    np.testing.assert_allclose(found[:, 0], model.predict(), atol=0.051)
    np.testing.assert_allclose(found[:, 1:3], model.predict_interval(0.9), atol=0.051)
    hit = (table["lower"] <= table["truth"]) & (table["truth"] <= table["upper"])
    np.testing.assert_allclose(found[:, 3], 100 * hit.groupby(table["step"]).mean(), atol=0.051)


def test_demo_forecaster_is_a_respectable_one(demo):
    """The comparison itself is shown, whatever it is; but a forecaster that is far off would be a fault."""
    rows = rows_of(demo.output)
    assert list(rows) == ["seasonal naive", "ridge on 6 lags", "GRUForecaster"]
    for measure in (0, 1):
        assert rows["GRUForecaster"][measure] < 1.3 * rows["ridge on 6 lags"][measure]
        assert rows["GRUForecaster"][measure] < 0.95 * rows["seasonal naive"][measure]
    assert 80 < rows["GRUForecaster"][2] < 97
    assert rows["GRUForecaster"][3] < 0.8 * rows["seasonal naive"][3]


@pytest.fixture
def quick(monkeypatch):
    """The demo with two epochs of a small network, and three years to forecast."""
    settings = {
        "hidden_layer_sizes": 2,
        "window": 6,
        "max_iter": 2,
        "early_stopping": False,
        "learning_rate_init": 0.02,
    }
    monkeypatch.setattr(demo_module, "SETTINGS", settings)
    monkeypatch.setattr(demo_module, "TRAINING", slice(None, "2007-12"))
    monkeypatch.setattr(demo_module, "TEST", slice("2008-01", "2010-12"))


@pytest.mark.usefixtures("quick")
def test_demo_without_plot_writes_nothing_and_repeats_the_figures(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    drawn = run("demo", "--output", "drawn.png").output
    Path("drawn.png").unlink()
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # it needs no matplotlib either
    outcome = run("demo", "--no-plot")
    assert outcome.status == 0 and outcome.errors == ""
    assert list(tmp_path.iterdir()) == []
    assert "Picture" not in outcome.output
    figures = {name: row[:-1] for name, row in rows_of(outcome.output).items()}
    assert figures == {name: row[:-1] for name, row in rows_of(drawn).items()}
    assert outcome.output.split("month  ")[1] == drawn.split("month  ")[1].split("\nPicture")[0]


@pytest.mark.usefixtures("quick")
def test_demo_writes_where_it_is_told_to(tmp_path, monkeypatch):
    (tmp_path / "pictures").mkdir()
    monkeypatch.chdir(tmp_path)
    outcome = run("demo", "--output", "pictures/sea.PNG")
    written = tmp_path / "pictures" / "sea.PNG"
    assert outcome.output.endswith(f"Picture: {written}\n")
    assert plt.imread(written, format="png").shape[:2] == (600, 1650)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["pictures", "sea.PNG"]


@pytest.mark.usefixtures("quick")
def test_demo_seed_is_that_of_the_network_alone(monkeypatch):
    """Figures may be the same: of this small network nothing may be taken."""
    models, forecasts = [], demo_module._forecasts
    monkeypatch.setattr(
        demo_module, "_forecasts", lambda model, *rest: (models.append(model), forecasts(model, *rest))[1]
    )
    first, second = (rows_of(run("demo", "--no-plot", "--seed", seed).output) for seed in ("1", "2"))
    # Of the run that compiles, and of the one that is shown.
    assert [model.random_state for model in models] == [1, 1, 2, 2]
    for name in ("seasonal naive", "ridge on 6 lags"):
        assert first[name][:2] == second[name][:2]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def compiled_within(errors, seconds=0.0):
    """Standard output, and the time it all took, of a new function that is compiled under ``show_compilation``."""
    began = time.perf_counter()
    with (
        contextlib.redirect_stdout(io.StringIO()) as output,
        contextlib.redirect_stderr(errors),
        cli.show_compilation(),
    ):
        assert output.getvalue() == ""  # nothing is compiled yet
        called = numba.njit(lambda x: x + 1)
        assert numba.njit(lambda x: called(x) * 2)(1) == 4
        assert output.getvalue() == "Compiling the kernels.\n"
        time.sleep(seconds)
    return output.getvalue(), time.perf_counter() - began


def test_compilation_is_announced_when_it_begins_and_timed_when_it_ends():
    errors = io.StringIO()
    output, elapsed = compiled_within(errors, seconds=0.3)
    seconds = re.fullmatch(r"Compiling the kernels\.\nCompiled in (\d+\.\d) s\.\n\n", output).group(1)
    assert 0.3 <= float(seconds) <= elapsed + 0.05
    assert errors.getvalue() == ""  # no bar in a log file


def test_compilation_shows_how_far_it_is_on_a_terminal():
    errors = Terminal()
    compiled_within(errors, seconds=1.3)
    shown = re.findall(r"(\d+) functions in (\d+:\d+)", errors.getvalue())
    assert shown[-1][0] == "2" and shown[-1][1] > "00:00"  # the clock goes on where no function is finished
    assert errors.getvalue().split("\r")[-2].strip() == ""  # the line is cleared in the end


def test_compilation_is_not_left_listening_after_an_error():
    def fail():
        with cli.show_compilation():
            raise OSError("no such file")

    with pytest.raises(OSError, match="no such file"):
        fail()
    with contextlib.redirect_stdout(io.StringIO()) as output:
        numba.njit(lambda x: x - 1)(1)
    assert output.getvalue() == ""


@pytest.mark.usefixtures("demo", "quick")  # after the first, all kernels are there
def test_demo_speaks_of_compiling_only_where_it_compiles():
    assert "ompil" not in run("demo", "--no-plot").output
    forecasts = demo_module._forecasts

    def compiling(model, *data):
        if model.max_iter == 1:
            numba.njit(lambda x: x + 2)(1)
        return forecasts(model, *data)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo_module, "_forecasts", compiling)
        output = run("demo", "--no-plot").output
    assert re.search(r"2010-12\.\n\nCompiling the kernels\.\nCompiled in \d+\.\d s\.\n\n +MAE", output)


@pytest.mark.usefixtures("quick")
def test_demo_shows_the_epochs_on_a_terminal():
    errors = Terminal()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(errors):
        assert cli.main(["demo", "--no-plot"]) == 0
    assert "2/2" in errors.getvalue() and "epoch/s" in errors.getvalue()


@pytest.fixture
def no_data(monkeypatch):
    """Fail where the demo gets as far as loading its data."""

    def load():
        raise AssertionError("the demo went on")

    monkeypatch.setattr(demo_module, "load_elnino", load)


@pytest.mark.usefixtures("no_data")
def test_demo_without_matplotlib_says_so_before_it_trains(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    outcome = run("demo")
    assert outcome.status == 1 and outcome.output == ""
    assert 'pip install "grukit[plot]"' in outcome.errors and "--no-plot" in outcome.errors
    assert "Traceback" not in outcome.errors
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("no_data")
def test_demo_into_a_folder_that_is_missing_says_so_before_it_trains(tmp_path):
    outcome = run("demo", "--output", str(tmp_path / "missing" / "demo.png"))
    assert outcome.status == 1 and outcome.output == ""
    assert str(tmp_path / "missing") in outcome.errors
    assert list(tmp_path.iterdir()) == []


def test_a_missing_data_file_is_an_error_message(monkeypatch):
    def load():
        raise FileNotFoundError("data file 'elnino.csv' not found")

    monkeypatch.setattr(demo_module, "load_elnino", load)
    outcome = run("demo", "--no-plot")
    assert (outcome.status, outcome.errors) == (1, "grukit demo: data file 'elnino.csv' not found\n")


@pytest.mark.usefixtures("quick")
def test_nothing_of_the_test_months_reaches_the_training():
    sst, tables = load_elnino()["sst"], []
    for ending in (0.0, 1e3):
        altered = sst.where(sst.index < "2008", sst + ending)
        model = GRUForecaster(**demo_module.SETTINGS, horizon=HORIZON, random_state=0)
        tables.append(demo_module._forecasts(model, altered, 31)[0])
    assert tables[0]["origin"].iloc[0] == pd.Timestamp("2007-12-01")
    first, other = (table[table["origin"] == "2007-12-01"].drop(columns="truth") for table in tables)
    pd.testing.assert_frame_equal(first, other)
    assert len(first) == HORIZON and first["time"].iloc[0] == pd.Timestamp("2008-01-01")


def test_calendar_features_follow_the_month():
    months = pd.date_range("1999-01", periods=25, freq="MS")
    calendar = demo_module._calendar(months)
    np.testing.assert_array_equal(calendar.iloc[0], calendar.iloc[12])
    assert len(np.unique(calendar.iloc[:12].round(9), axis=0)) == 12
    np.testing.assert_allclose(calendar.loc["1999-04-01", ["sin 1", "cos 1"]], [1, 0], atol=1e-12)


# -- info --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def info():
    outcome = run("info")
    assert outcome.status == 0 and outcome.errors == ""
    return outcome.output


@pytest.mark.parametrize("module", [np, scipy, pd, numba, llvmlite, sklearn, matplotlib, grukit])
def test_info_lists_the_installed_versions(info, module):
    name = "scikit-learn" if module is sklearn else module.__name__
    assert re.search(rf"^{name}: +{re.escape(module.__version__)}$", info, flags=re.MULTILINE)


def test_info_describes_the_machine(info):
    assert f"{platform.python_version()} (" in info
    assert f"{joblib.cpu_count()} available to this process" in info
    assert re.search(r"^n_jobs='auto': +\d+ at most", info, flags=re.MULTILINE)
    assert re.search(
        r"^instructions: +(AVX-512|AVX2|NEON|SSE), in tiles of \d+ x \d+ of float32 and \d+ x \d+ of float64$",
        info,
        re.M,
    )
    assert re.search(r"^BLAS: +\S+ \S+, \d+ threads \(", info, flags=re.MULTILINE)
    assert re.search(r"^CUDA kernels: +(yes|none\. device='cuda': .+)$", info, flags=re.MULTILINE)
    assert re.search(r"^device='auto': cpu\. ", info, flags=re.MULTILINE)
    assert re.search(r"^compiling: +(fast|the plain way), ", info, flags=re.MULTILINE)
    folder = re.search(r"^kernel cache: +(.+)$", info, flags=re.MULTILINE).group(1)
    assert folder.startswith("none: ") or Path(folder).is_dir()


def test_info_measures_a_core():
    speed = re.search(
        r"^speed: +(\d+) GFLOP/s in products on one core, (\d+)% of its peak$", run("info", "--speed").output, re.M
    )
    assert int(speed.group(1)) > 0 and 0 < int(speed.group(2)) < 130


def test_info_names_a_package_that_is_not_installed():
    assert info_module._version_of("no-such-package-of-grukit") == "not installed"


def test_info_names_the_cache_folder_of_the_kernels(tmp_path):
    """Each kernel's lies beside its module, or in one folder for all of them."""
    train, predict = (SimpleNamespace(stats=SimpleNamespace(cache_path=str(tmp_path / name))) for name in "ab")
    kernels = SimpleNamespace(train_batches=train, predict_chunks=predict)
    assert info_module.cache_folder(kernels) == str(tmp_path)
    train.stats.cache_path = None
    assert info_module.cache_folder(kernels).startswith("none: ")


class FakeDriver:
    """libcuda's functions, with the return codes given."""

    def __init__(self, names, **codes):
        self.names, self.codes = names, codes

    def cuInit(self, flags):
        return self.codes.get("init", 0)

    def cuDeviceGetCount(self, count):
        count._obj.value = len(self.names)
        return self.codes.get("count", 0)

    def cuDeviceGet(self, device, ordinal):
        device._obj.value = ordinal
        return self.codes.get("device", 0)

    def cuDeviceGetName(self, buffer, length, device):
        assert length == len(buffer)
        buffer.value = self.names[device.value]
        return self.codes.get("name", 0)


@pytest.mark.parametrize(
    ("driver", "names"),
    [
        (FakeDriver([b"Card A", b"Card B"]), ["Card A", "Card B"]),
        (FakeDriver([]), []),
        (FakeDriver([b"Card A"], init=100), []),
        (FakeDriver([b"Card A"], count=3), []),
        (FakeDriver([b"Card A"], name=1), ["device 0, name not available"]),
        (FakeDriver([b"Card A"], device=101), ["device 0, name not available"]),
        (object(), []),
    ],
)
def test_gpus_are_those_the_driver_shows(driver, names, monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: driver)
    assert info_module._gpu_names() == names


def test_info_without_a_driver_finds_no_gpu(monkeypatch):
    def missing(name):
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", missing)
    assert info_module._gpu_names() == []
    monkeypatch.setattr(info_module, "_blas_libraries", list)
    output = run("info").output
    assert re.search(r"^GPU: +none found$", output, flags=re.MULTILINE)
    assert re.search(r"^BLAS: +none found$", output, flags=re.MULTILINE)


# -- arguments ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train"], "invalid choice: 'train'"),
        ([], "the following arguments are required"),
        (["info", "--gpu"], "unrecognized arguments: --gpu"),
        (["demo", "--seed", "-1"], "the seed must be a whole number"),
        (["demo", "--seed", "4294967296"], "the seed must be a whole number"),
        (["demo", "--seed", "one"], "the seed must be a whole number"),
        (["demo", "--output", "demo.jpg"], "must end in .png: 'demo.jpg'"),
    ],
)
def test_invalid_arguments_end_with_usage_and_status_2(arguments, message, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(arguments)
    assert end.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("usage: grukit") and message in captured.err


def test_help_names_the_commands(capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["--help"])
    assert end.value.code == 0
    output = capsys.readouterr().out
    assert "demo" in output and "info" in output


def test_the_module_runs_as_a_program_and_hands_on_the_status():
    command = [sys.executable, "-W", "error", "-m", "grukit"]
    version = subprocess.run([*command, "--version"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert version.stdout == f"grukit {grukit.__version__}\n" and version.stderr == ""
    code = (
        "import runpy, sys, grukit.cli\n"
        "assert 'matplotlib' not in sys.modules and 'numba' not in sys.modules\n"
        "grukit.cli.main = lambda: 3\n"
        "runpy.run_module('grukit', run_name='__main__')"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 3


# After a warm-up, in float64, whose kernels other tests call, too: which networks had kernels called, and whether predictors
# of any kind call others.
WARMED_UP = """
from grukit import GRUClassifier, GRURegressor, cli
from grukit.engines import select_engine
from grukit.kernels.cpu.inference.service import serve_windows
import numpy as np

assert cli.main(["warmup", "--cell", "gru", "--dtype", "float64"]) == 0
networks = [signature[4] for signature in select_engine("cpu").kernels.train_batches.signatures]
print(len({str(dict(zip(network.fields, network.types))["options"]) for network in networks}))
served = list(serve_windows.signatures)
X = np.random.default_rng(0).normal(size=(60, 3))
for bidirectional in (False, True):
    settings = {"window": 5, "max_iter": 1, "bidirectional": bidirectional, "dtype": "float64"}
    for difference in (False, [1], True):
        models = [GRUClassifier(4, difference=difference, **settings).fit(X, X[:, 0] > 0)]
        for lags in ({}, {"linear_lags": 2}, {"anchor": None}, {"anchor": 1, "linear_lags": 0},
                     {"anchor": None, "linear_lags": 0}):
            models.append(GRURegressor(4, difference=difference, **lags, **settings).fit(X, X[:, :2]))
        for model in models:
            model.predictor()(X[:5])
            if not bidirectional:
                model.stream(3).step(X[:3])
assert served == list(serve_windows.signatures)
print(len(served))
"""


@pytest.mark.thorough
@pytest.mark.skipif(not FULL, reason="compiles kernels of its own; GRUKIT_FULL_TESTS=1")
def test_warmup_compiles_what_it_is_asked_to():
    *lines, folder, n_options, n_served = run_code(WARMED_UP)[0].splitlines()
    for line, option in zip(lines, cli.OPTIONS, strict=True):
        what = ", ".join(filter(None, ["gru", "float64", option]))
        assert re.fullmatch(rf"{what}: \d+\.\d s", line)
    assert folder == f"Kernels are cached in {info_module.cache_folder(select_engine('cpu').kernels)}"
    assert (n_options, n_served) == ("6", "8")


def test_warmup_of_plain_networks(capsys):
    assert cli.main(["warmup", "--cell", "gru", "--dtype", "float32", "--plain"]) == 0
    plain, folder = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"gru, float32: \d+\.\d s", plain) and folder.startswith("Kernels are cached in ")
    with pytest.raises(SystemExit) as caught:
        cli.main(["warmup", "--cell", "lstm"])
    assert caught.value.code == 2

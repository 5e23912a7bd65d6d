"""The shipped series: their files, checksums, values and indexes."""

import hashlib
import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from grukit import datasets
from grukit.datasets import _loaders

FOLDER = Path(__file__).resolve().parents[2] / "datasets"
NAMES = ["co2", "elnino", "macrodata", "sunspots", "nile", "grunfeld"]


def readme_rows() -> dict[str, list[str]]:
    """Return the cells of each file's row of the README table."""
    lines = (FOLDER / "README.md").read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| `")]
    return {row[0].strip("`"): row for row in rows}


@pytest.fixture(scope="module")
def rebuild() -> ModuleType:
    spec = importlib.util.spec_from_file_location("rebuild_datasets", FOLDER / "rebuild.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def copy_of_folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FOLDER, tmp_path / "datasets", ignore=shutil.ignore_patterns("__pycache__")))


def test_readme_lists_every_file_and_each_has_a_loader():
    assert set(readme_rows()) == {path.name for path in FOLDER.glob("*.csv")} == {f"{n}.csv" for n in NAMES}
    assert sorted(n for n in datasets.__all__ if n.startswith("load_")) == sorted(f"load_{n}" for n in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_file_matches_its_readme_row(name):
    _, _, licence, columns, _, rows, checksum = readme_rows()[f"{name}.csv"]
    content = (FOLDER / f"{name}.csv").read_bytes()
    assert checksum.strip("`") == hashlib.sha256(content).hexdigest()
    assert b"\r" not in content
    assert "public domain" in licence
    header, *lines = content.decode().splitlines()
    assert re.findall(r"`(\w+)`", columns) == header.split(",")
    assert int(rows) == len(lines) == len(getattr(datasets, f"load_{name}")())


@pytest.mark.parametrize("name", NAMES)
def test_columns_are_float64_and_each_call_gives_a_new_frame(name):
    load = getattr(datasets, f"load_{name}")
    frame = load()
    assert set(frame.dtypes) == {np.dtype("float64")}
    assert frame.index.is_monotonic_increasing and frame.index.is_unique
    frame.iloc[:] = -1.0
    assert not (load() == -1.0).all(axis=None)


@pytest.mark.parametrize(
    ("name", "freq", "time", "first", "last", "columns"),
    [
        ("co2", "W-SAT", "date", "1958-03-29", "2001-12-29", ["co2"]),
        ("elnino", "MS", "date", "1950-01-01", "2010-12-01", ["sst"]),
        ("macrodata", "QS-JAN", "date", "1959-01-01", "2009-07-01",
         "realgdp realcons realinv realgovt realdpi cpi m1 tbilrate unemp pop infl realint".split()),
        ("sunspots", "YS-JAN", "year", "1700-01-01", "2008-01-01", ["sunspots"]),
        ("nile", "YS-JAN", "year", "1871-01-01", "1970-01-01", ["volume"]),
    ],
)  # fmt: skip
def test_series_have_a_regular_time_index(name, freq, time, first, last, columns):
    frame = getattr(datasets, f"load_{name}")()
    expected = pd.date_range(first, last, freq=freq, name=time)
    assert frame.index.equals(expected)
    assert (frame.index.freqstr, frame.index.name) == (freq, time)
    assert list(frame.columns) == columns


def test_known_values_of_co2():
    co2 = datasets.load_co2()["co2"]
    assert (co2.iloc[0], co2.iloc[-1]) == (316.1, 371.5)
    assert co2.isna().sum() == 59
    assert np.isnan(co2["1958-05-10"])
    assert co2.min() > 300 and co2.max() < 400


def test_known_values_of_elnino():
    sst = datasets.load_elnino()["sst"]
    assert sst["1950-01-01"] == 23.11
    assert sst["1950-12-01"] == 21.80
    assert sst["1951-01-01"] == 24.19
    assert sst["2010-12-01"] == 22.07
    assert sst.notna().all()


def test_known_values_of_macrodata():
    frame = datasets.load_macrodata()
    assert frame.loc["1959-01-01", "realgdp"] == 2710.349
    assert frame.loc["1959-04-01", "cpi"] == 29.15
    assert frame.loc["2009-07-01", "realint"] == -3.44
    assert frame.notna().all(axis=None)
    # The two derived columns follow from the others, but for the placeholder in the first row.
    inflation = 400 * np.log(frame["cpi"]).diff()[1:]
    np.testing.assert_allclose(frame["infl"][1:], inflation, atol=0.006)
    np.testing.assert_allclose(frame["realint"][1:], (frame["tbilrate"] - frame["infl"])[1:], atol=0.011)
    assert (frame.iloc[0][["infl", "realint"]] == 0).all()


def test_known_values_of_sunspots_and_nile():
    sunspots, nile = datasets.load_sunspots()["sunspots"], datasets.load_nile()["volume"]
    assert (sunspots["1700-01-01"], sunspots["1957-01-01"], sunspots["2008-01-01"]) == (5.0, 190.2, 2.9)
    assert sunspots.idxmax() == pd.Timestamp("1957-01-01")
    assert (nile["1871-01-01"], nile["1970-01-01"]) == (1120.0, 740.0)
    assert nile[:"1898"].mean() - nile["1899":].mean() > 200  # the fall that Cobb (1978) studies


def test_grunfeld_is_a_balanced_sorted_panel():
    panel = datasets.load_grunfeld()
    assert panel.index.names == ["firm", "year"]
    assert list(panel.columns) == ["invest", "value", "capital"]
    years = pd.date_range("1935-01-01", "1954-01-01", freq="YS", name="year")
    firms = panel.index.unique("firm")
    assert len(firms) == 11
    for firm in firms:
        assert panel.loc[firm].index.equals(years)
    assert panel.loc[("General Motors", "1935-01-01")].tolist() == [317.6, 3078.5, 2.8]
    assert panel.loc[("American Steel", "1954-01-01")].tolist() == [6.281, 47.165, 83.788]


def test_missing_file_names_the_file_and_both_places(monkeypatch, tmp_path):
    places = (tmp_path / "first", tmp_path / "second")
    monkeypatch.setattr(_loaders, "_places", lambda: places)
    with pytest.raises(FileNotFoundError) as caught:
        datasets.load_nile()
    for words in ("nile.csv", str(places[0]), str(places[1])):
        assert words in str(caught.value)


def test_places_are_the_installed_folder_then_the_checkout():
    package = Path(_loaders.__file__).parent
    assert [Path(str(place)) for place in _loaders._places()] == [package / "files", package.parents[1] / "datasets"]


def test_first_place_that_holds_the_file_is_read(monkeypatch, tmp_path):
    (tmp_path / "nile.csv").write_text("year,volume\n1871,7\n1872,\n", encoding="utf-8")
    monkeypatch.setattr(_loaders, "_places", lambda: (tmp_path, FOLDER))
    small = datasets.load_nile()
    assert small["volume"].iloc[0] == 7.0 and small["volume"].isna().tolist() == [False, True]
    assert len(datasets.load_co2()) == 2284  # absent from the first place


def test_gap_in_the_times_is_an_error(monkeypatch, tmp_path):
    (tmp_path / "nile.csv").write_text("year,volume\n1871,7\n1873,8\n1874,9\n", encoding="utf-8")
    monkeypatch.setattr(_loaders, "_places", lambda: (tmp_path,))
    with pytest.raises(ValueError, match="does not conform to passed frequency YS-JAN"):
        datasets.load_nile()


def test_rebuild_check_accepts_the_shipped_files():
    command = [sys.executable, str(FOLDER / "rebuild.py"), "--check"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert [line.split()[1:] for line in result.stdout.splitlines()] == [["same", f"{name}.csv"] for name in NAMES] + [
        ["same", "README.md"]
    ]


@pytest.mark.parametrize("damage", ["changed value", "no file", "wrong checksum"])
def test_rebuild_check_finds_a_difference_and_rebuild_repairs_it(rebuild, copy_of_folder, capsys, damage):
    if damage == "changed value":
        path = copy_of_folder / "nile.csv"
        path.write_bytes(path.read_bytes().replace(b"1871,1120", b"1871,1121"))
    elif damage == "no file":
        path = copy_of_folder / "co2.csv"
        path.unlink()
    else:
        path = copy_of_folder / "README.md"
        checksum = readme_rows()["nile.csv"][-1].strip("`").encode()
        path.write_bytes(path.read_bytes().replace(checksum, b"0" * 64))
    before = path.read_bytes() if path.exists() else None

    assert rebuild.main(["--check"], copy_of_folder) == 1
    assert re.findall(r"DIFFERS +(\S+)", capsys.readouterr().out) == [path.name]
    assert (path.read_bytes() if path.exists() else None) == before  # a check writes nothing

    assert rebuild.main([], copy_of_folder) == 0
    assert path.read_bytes() == (FOLDER / path.name).read_bytes()
    assert rebuild.main(["--check"], copy_of_folder) == 0


def test_rebuild_refuses_a_series_that_is_not_public_domain(rebuild, monkeypatch):
    monkeypatch.setitem(rebuild.MODULES, "nile", SimpleNamespace(COPYRIGHT="Ask the owner."))
    with pytest.raises(SystemExit, match="nile: .* 'Ask the owner.'"):
        rebuild.build("nile")


def test_rebuild_needs_one_readme_row_for_each_file(rebuild):
    with pytest.raises(SystemExit, match=r"0 rows for nile\.csv"):
        rebuild.with_checksums("| `co2.csv` | x | |\n", {"nile.csv": "0" * 64})

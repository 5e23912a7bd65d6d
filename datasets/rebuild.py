"""Rebuild the CSV files of this folder from ``statsmodels.datasets``.

``python datasets/rebuild.py`` writes the files and the checksum column of the README;
``python datasets/rebuild.py --check`` writes nothing and exits with 1 if anything differs.
"""

import argparse
import hashlib
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from statsmodels.datasets import co2, elnino, grunfeld, macrodata, nile, sunspots

FOLDER = Path(__file__).resolve().parent


def build_co2() -> pd.DataFrame:
    data = co2.load_pandas().data
    return pd.DataFrame({"date": data.index.strftime("%Y-%m-%d"), "co2": data["co2"].to_numpy()})


def build_elnino() -> pd.DataFrame:
    years = elnino.load_pandas().data.set_index("YEAR")  # one row a year, one column a month
    dates = [f"{int(year)}-{month:02d}-01" for year in years.index for month in range(1, 13)]
    return pd.DataFrame({"date": dates, "sst": years.to_numpy().ravel()})


def build_macrodata() -> pd.DataFrame:
    data = macrodata.load_pandas().data
    quarters = zip(data.pop("year").astype(int), data.pop("quarter").astype(int), strict=True)
    data.insert(0, "date", [f"{year}-{3 * quarter - 2:02d}-01" for year, quarter in quarters])
    return data


def build_sunspots() -> pd.DataFrame:
    data = sunspots.load_pandas().data
    return pd.DataFrame({"year": data["YEAR"].astype(int), "sunspots": data["SUNACTIVITY"]})


def build_nile() -> pd.DataFrame:
    return nile.load_pandas().data.astype({"year": int})[["year", "volume"]]


def build_grunfeld() -> pd.DataFrame:
    data = grunfeld.load_pandas().data.astype({"year": int})
    # Sorted by firm, so that the MultiIndex made from it is sorted and can be sliced.
    return data.sort_values(["firm", "year"])[["year", "firm", "invest", "value", "capital"]]


MODULES = {module.__name__.rsplit(".", 1)[-1]: module for module in (co2, elnino, macrodata, sunspots, nile, grunfeld)}
BUILDERS: dict[str, Callable[[], pd.DataFrame]] = {
    "co2": build_co2,
    "elnino": build_elnino,
    "macrodata": build_macrodata,
    "sunspots": build_sunspots,
    "nile": build_nile,
    "grunfeld": build_grunfeld,
}


def build(name: str) -> bytes:
    """Return the bytes of ``<name>.csv``; refuse a series that is not public domain."""
    statement = MODULES[name].COPYRIGHT
    if "public domain" not in statement:
        raise SystemExit(f"{name}: statsmodels no longer says public domain but {statement!r}")
    # Ten digits hold every source value exactly and hide the last-bit noise of binary floats.
    return BUILDERS[name]().to_csv(index=False, float_format="%.10g", lineterminator="\n").encode()


def with_checksums(readme: str, checksums: dict[str, str]) -> str:
    """Return the README text with the last cell of each file's row set to its checksum."""
    for filename, checksum in checksums.items():
        row = re.compile(rf"^(\| `{re.escape(filename)}` \|.*\|)[^|\n]*\|$", re.MULTILINE)
        readme, found = row.subn(rf"\1 `{checksum}` |", readme)
        if found != 1:
            raise SystemExit(f"README.md has {found} rows for {filename}, expected 1")
    return readme


def main(arguments: list[str] | None = None, folder: Path = FOLDER) -> int:
    """Rebuild or check ``folder``; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, exit with 1 on a difference")
    check = parser.parse_args(arguments).check

    wanted = {f"{name}.csv": build(name) for name in BUILDERS}
    checksums = {filename: hashlib.sha256(content).hexdigest() for filename, content in wanted.items()}
    readme = (folder / "README.md").read_text(encoding="utf-8")
    wanted["README.md"] = with_checksums(readme, checksums).encode()

    differing = 0
    for filename, content in wanted.items():
        path = folder / filename
        same = path.is_file() and path.read_bytes() == content
        if not same and not check:
            path.write_bytes(content)
        differing += not same
        state = "same" if same else "DIFFERS" if check else "written"
        print(f"{checksums.get(filename, '-' * 64)}  {state:8}{filename}")
    return int(check and differing > 0)


if __name__ == "__main__":
    sys.exit(main())

"""Loaders of the CSV files in ``datasets/``; that folder's README gives origin, licence and checksums."""

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import pandas as pd


def _places() -> tuple[Traversable, ...]:
    """Return the folders that may hold the files: in an installed package, in a source checkout."""
    return files("grukit.datasets") / "files", Path(__file__).resolve().parents[2] / "datasets"


def _read(filename: str) -> pd.DataFrame:
    """Read one CSV file; its date or year column becomes Timestamps, all measured columns float64."""
    places = _places()
    source = next((place / filename for place in places if (place / filename).is_file()), None)
    if source is None:
        looked = " and ".join(str(place) for place in places)
        raise FileNotFoundError(f"data file {filename!r} not found; looked in {looked}")
    with source.open(encoding="utf-8") as stream:
        frame = pd.read_csv(stream, dtype={"date": str, "year": str})
    time, measured = frame.columns[0], frame.columns[1:].drop("firm", errors="ignore")
    frame[time] = pd.to_datetime(frame[time], format="ISO8601")  # a bare year is its 1 January
    return frame.astype(dict.fromkeys(measured, "float64"))


def _read_series(filename: str, freq: str) -> pd.DataFrame:
    """Read a file with one row per time; pandas verifies that the times do follow ``freq``."""
    frame = _read(filename)
    time = frame.columns[0]
    return frame.set_index(pd.DatetimeIndex(frame.pop(time), freq=freq, name=time))


def load_co2() -> pd.DataFrame:
    """Load the weekly atmospheric CO2 concentration at Mauna Loa, Hawaii.

    Returns
    -------
    DataFrame of shape (2284, 1)
        Column ``co2`` in ppmv; 59 weeks without a measurement are NaN. The index ``date``
        runs from 1958-03-29 to 2001-12-29 with ``freq="W-SAT"``.

    Raises
    ------
    FileNotFoundError
        If ``co2.csv`` is in neither place that may hold it.

    References
    ----------
    Keeling, C. D. and Whorf, T. P. (2004). Atmospheric CO2 concentrations derived from flask air
    samples at sites in the SIO network. In Trends: A Compendium of Data on Global Change, CDIAC,
    Oak Ridge National Laboratory.
    """
    return _read_series("co2.csv", "W-SAT")


def load_elnino() -> pd.DataFrame:
    """Load the monthly sea-surface temperature of the eastern equatorial Pacific (Nino 1+2).

    Returns
    -------
    DataFrame of shape (732, 1)
        Column ``sst`` in degrees Celsius, the mean over 0-10 S, 90-80 W. The index ``date``
        runs from 1950-01-01 to 2010-12-01 with ``freq="MS"``.

    Raises
    ------
    FileNotFoundError
        If ``elnino.csv`` is in neither place that may hold it.

    References
    ----------
    NOAA National Weather Service, ERSST.V3B data set, region Nino 1+2.
    """
    return _read_series("elnino.csv", "MS")


def load_macrodata() -> pd.DataFrame:
    """Load twelve quarterly macroeconomic series of the United States.

    Returns
    -------
    DataFrame of shape (203, 12)
        Columns ``realgdp``, ``realcons``, ``realinv``, ``realgovt``, ``realdpi`` (billions of chained
        2005 US$), ``cpi`` (1982-84 = 100), ``m1`` (billions of US$), ``tbilrate``, ``unemp`` (percent),
        ``pop`` (millions), ``infl`` and ``realint`` (percent a year). The index ``date`` runs from
        1959-01-01 to 2009-07-01 with ``freq="QS-JAN"``.

    Raises
    ------
    FileNotFoundError
        If ``macrodata.csv`` is in neither place that may hold it.

    Notes
    -----
    ``infl`` is ``400 * log(cpi[t] / cpi[t - 1])`` and ``realint`` is ``tbilrate - infl``. The first row
    has no predecessor: its 0 in these two columns is a placeholder of the source.

    References
    ----------
    Federal Reserve Bank of St. Louis, FRED; U.S. Bureau of Labor Statistics (``unemp``).
    """
    return _read_series("macrodata.csv", "QS-JAN")


def load_sunspots() -> pd.DataFrame:
    """Load the yearly sunspot number.

    Returns
    -------
    DataFrame of shape (309, 1)
        Column ``sunspots``, a count index without unit. The index ``year`` runs from 1700-01-01
        to 2008-01-01 with ``freq="YS-JAN"``.

    Raises
    ------
    FileNotFoundError
        If ``sunspots.csv`` is in neither place that may hold it.

    References
    ----------
    National Geophysical Data Center (NOAA), yearly sunspot numbers.
    """
    return _read_series("sunspots.csv", "YS-JAN")


def load_nile() -> pd.DataFrame:
    """Load the yearly flow of the Nile at Aswan.

    Returns
    -------
    DataFrame of shape (100, 1)
        Column ``volume`` in 10^8 cubic metres. The index ``year`` runs from 1871-01-01 to 1970-01-01
        with ``freq="YS-JAN"``.

    Raises
    ------
    FileNotFoundError
        If ``nile.csv`` is in neither place that may hold it.

    References
    ----------
    Cobb, G. W. (1978). The problem of the Nile: conditional solution to a changepoint problem.
    Biometrika 65(2), 243-251.
    """
    return _read_series("nile.csv", "YS-JAN")


def load_grunfeld() -> pd.DataFrame:
    """Load a panel of yearly investment figures of eleven US firms.

    Returns
    -------
    DataFrame of shape (220, 3)
        Columns ``invest`` (gross investment), ``value`` (market value) and ``capital`` (plant and
        equipment), in millions of 1947 US$. The index is a sorted MultiIndex (``firm``, ``year``) with
        ``year`` a Timestamp from 1935-01-01 to 1954-01-01 for every firm.

    Raises
    ------
    FileNotFoundError
        If ``grunfeld.csv`` is in neither place that may hold it.

    References
    ----------
    Grunfeld, Y. (1958). The determinants of corporate investment. Ph.D. thesis, University of Chicago;
    as recreated by Kleiber, C. and Zeileis, A. (2010). The Grunfeld data at 50. German Economic
    Review 11(4), 404-417.
    """
    return _read("grunfeld.csv").set_index(["firm", "year"])

"""What is known of each series and never changes: numbers and categories, as constants beside the covariates."""

from collections.abc import Hashable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from grukit.data.embedded import width_of
from grukit.data.given import plain_name
from grukit.data.series import label_of

MOST_CATEGORIES = 100_000  # of a column, whose numbers training holds 20 times: 150 MB of float32
Key = tuple[Any, ...]


class StaticColumn(NamedTuple):
    """A column that tells of series, and how it is read.

    Attributes
    ----------
    name : object
        Its label.
    categories : list or None
        Its values in ``fit``; None: numbers. A few are each an input, one where it is the series' own and zero elsewhere.
        Of many, that are embedded, a series has the place, and one that is not known the place after the last.
    center : list of float
        Of the series that training knows: the mean of a number, or the share of each category.
    scale : float
        What a number is divided by.
    width : int
        Inputs that the network learns for each category that is embedded; 0: none is.
    """

    name: Any
    categories: list[Any] | None
    center: list[float]
    scale: float
    width: int = 0

    @property
    def n_columns(self) -> int:
        """Columns that it makes beside the covariates."""
        return 1 if self.width else len(self.center)

    @property
    def names(self) -> list[Any]:
        """What these are called."""
        if self.categories is None or self.width:
            return [self.name]
        return [f"{self.name} is {label}" for label in self.categories]

    @property
    def places(self) -> dict[Any, int]:
        """The place of each category."""
        return {label: place for place, label in enumerate(self.categories or [])}


def fit_static(static: Any, keys: list[Key], standardize: bool) -> tuple[StaticColumn, ...]:
    """The columns of what is known of series, and how they are read; last those that are embedded.

    Parameters
    ----------
    static : DataFrame or None
        A row for each series.
    keys : list
        The series that training knows.
    standardize : bool
        Whether numbers are standardised, by their mean and deviation over these series.

    Raises
    ------
    TypeError
        Where it is no DataFrame, or a column holds neither numbers nor categories, naming it.
    ValueError
        For rows that are missing or there twice, and values that are missing, naming series and column; for more than
        ``MOST_CATEGORIES`` categories.
    """
    if static is None:
        return ()
    _check_frame(static)
    rows = _rows_of(static)
    chosen = static.iloc[[_row_of(rows, key) for key in keys]]
    columns = [_column_of(chosen.iloc[:, d], keys, standardize) for d in range(chosen.shape[1])]
    return tuple(sorted(columns, key=lambda column: column.width > 0))


def read_static(
    static: Any, columns: tuple[StaticColumn, ...], keys: list[Key], known: Mapping[Key, np.ndarray], unknown: str
) -> np.ndarray:
    """Numbers (S, n) of series: inputs, and places of categories that are embedded.

    Parameters
    ----------
    static : DataFrame or None
        With rows of those of the series that are not ``known``, at least.
    columns : tuple of StaticColumn
        As ``fit`` read them.
    keys : list
        The series.
    known : mapping of key to ndarray of shape (n,)
        Those of series that are known already; a row that is given counts instead.
    unknown : {"error", "mean"}
        What a category is that ``fit`` did not have: an error, or the mean of those that it had.

    Raises
    ------
    TypeError, ValueError
        As :func:`fit_static`, for other columns than those of ``fit``, and for a category that is not known.
    """
    rows: dict[Any, int] = {}
    values: list[list[Any]] = []  # of each column
    if static is not None:
        _check_frame(static)
        names = [column.name for column in columns]
        if sorted(map(repr, static.columns)) != sorted(map(repr, names)):
            raise ValueError(f"static must have the columns {names or None}, as in fit; got {list(static.columns)}.")
        rows, values = _rows_of(static), [static[name].tolist() for name in names]
    found, places = np.empty((len(keys), sum(column.n_columns for column in columns))), [own.places for own in columns]
    for s, key in enumerate(keys):
        if key in known and label_of(key) not in rows:
            found[s] = known[key]
            continue
        if static is None:
            raise ValueError(
                f"The model knows nothing of series {_named(key)}: give static, with a row for it, and the columns "
                f"{[column.name for column in columns]}."
            )
        row = _row_of(rows, key)
        own = zip(values, columns, places, strict=True)
        inputs = [_inputs(given[row], column, at, key, unknown) for given, column, at in own]
        found[s] = np.concatenate(inputs) if inputs else []
    return found


def _check_frame(static: Any) -> None:
    if not isinstance(static, pd.DataFrame):
        raise TypeError(
            f"static must be a DataFrame, with a row for each series, whose index names it; got {type(static).__name__}."
        )
    if static.shape[1] == 0:
        raise ValueError("static has no columns. Leave it out.")
    if not static.columns.is_unique:
        raise ValueError(f"static has two columns of the name {static.columns[static.columns.duplicated()][0]!r}.")


def _rows_of(static: pd.DataFrame) -> dict[Any, int]:
    """The row of each label of the index; None is that of the only row."""
    if not static.index.is_unique:
        twice = static.index[static.index.duplicated()][0]
        raise ValueError(f"static has two rows of series {twice!r}; a series has one.")
    rows: dict[Any, int] = dict(zip(map(plain_name, static.index.tolist()), range(len(static)), strict=True))
    return {**rows, None: 0} if len(static) == 1 else rows


def _row_of(rows: dict[Any, int], key: Key) -> int:
    """The row of a series."""
    label = label_of(key)
    if label not in rows:
        some = ", ".join([repr(each) for each in rows if each is not None][:3])
        raise ValueError(f"static has no row of series {_named(key)}{f'; its index names {some}' if some else ''}.")
    return rows[label]


def _column_of(values: pd.Series, keys: list[Key], standardize: bool) -> StaticColumn:
    """How a column is read, whose values are in the order of the series."""
    name = values.name
    _check_kind(values)
    for value, key in zip(values.tolist(), keys, strict=True):
        _check_known(value, name, key)
    if _is_number(values):
        numbers = values.to_numpy(dtype=np.float64)
        spread = float(numbers.std())
        varies = np.ptp(numbers) > 1e-12 * np.abs(numbers).max()
        mean, scale = (float(numbers.mean()), spread if varies else 1.0) if standardize else (0.0, 1.0)
        return StaticColumn(name, None, [mean], scale)
    counts: dict[Any, int] = {}
    for value in values.tolist():
        counts[value] = counts.get(value, 0) + 1
    if len(counts) > MOST_CATEGORIES:
        raise ValueError(
            f"Column {name!r} of static has {len(counts):,} categories; at most {MOST_CATEGORIES:,} are learned. Group them, "
            "or give numbers that tell of them."
        )
    labels = sorted(counts, key=lambda label: (type(label).__name__, label))
    return StaticColumn(name, labels, [counts[label] / len(keys) for label in labels], 1.0, width_of(len(labels)))


def _inputs(value: Any, column: StaticColumn, places: dict[Any, int], key: Key, unknown: str) -> np.ndarray:
    """What a value of a series is read as, by the places of the categories."""
    value = value.item() if isinstance(value, np.generic) else value
    _check_known(value, column.name, key)
    if column.categories is None:
        if isinstance(value, bool | str) or not isinstance(value, int | float):
            raise ValueError(
                f"Column {column.name!r} of static held numbers in fit; series {_named(key)} has {value!r}."
            )
        return np.array([(value - column.center[0]) / column.scale])
    n, place = len(column.center), places.get(value) if isinstance(value, Hashable) else None
    if place is None and unknown == "mean":
        return np.array([float(n)] if column.width else column.center)
    if place is not None:
        return np.array([float(place)]) if column.width else np.equal(np.arange(n), place).astype(np.float64)
    some = ", ".join(map(repr, column.categories[:5])) + (", ..." if n > 5 else "")
    raise ValueError(
        f"Series {_named(key)} has the category {value!r} in the column {column.name!r} of static, which fit did not have: it "
        f"had {some}. Or use handle_unknown='mean'."
    )


def _check_kind(values: pd.Series) -> None:
    dtype = values.dtype
    plain = dtype.kind == "O" or isinstance(dtype, pd.CategoricalDtype)
    if not (plain or pd.api.types.is_string_dtype(dtype) or _is_number(values) or pd.api.types.is_bool_dtype(dtype)):
        raise TypeError(
            f"Column {values.name!r} of static holds {dtype}: give numbers, or categories as strings, objects or booleans."
        )


def _is_number(values: pd.Series) -> bool:
    """Whether a column holds numbers; those among objects are categories."""
    dtype = values.dtype
    real = pd.api.types.is_integer_dtype(dtype) or pd.api.types.is_float_dtype(dtype)
    return bool(real and not pd.api.types.is_bool_dtype(dtype))


def _check_known(value: Any, name: Any, key: Key) -> None:
    missing = (
        value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and not np.isfinite(value))
    )
    if missing:
        raise ValueError(
            f"Column {name!r} of static is {value} for series {_named(key)}. Fill it in, or give missing ones a category."
        )


def _named(key: Key) -> str:
    return "/".join(map(str, key)) or "y, which has no name"

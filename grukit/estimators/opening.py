"""Models out of files."""

import os
from typing import Any

from grukit.estimators._documents import ENTRY, model_of
from grukit.estimators.classifier import GRUClassifier
from grukit.estimators.forecaster import GRUForecaster
from grukit.estimators.regressor import GRURegressor
from grukit.files import read_tensors

ESTIMATORS = {each.__name__: each for each in (GRUClassifier, GRUForecaster, GRURegressor)}


def load(path: str | os.PathLike[str]) -> Any:
    """Open a model that ``model.save(path)`` wrote.

    Nothing in the file is executed, and no more memory is taken than the file is long and its header needs: some ten times the
    header's size, which may be 32 MiB; of a hostile file up to a hundred times.

    Parameters
    ----------
    path : str or path
        The file.

    Returns
    -------
    GRURegressor, GRUClassifier or GRUForecaster
        It predicts the same bits, and goes on training to the same bits, as the one that was saved.

    Raises
    ------
    OSError
        Where the file cannot be read.
    ValueError
        Where it is damaged, none of grukit's, or of a format that this version does not know, saying where and what.
    ImportError
        Where labels or columns have a type of a package that is not there.
    """
    metadata, arrays = read_tensors(path)
    if set(metadata) != {ENTRY}:
        raise ValueError(f"{path} is no model of grukit: its metadata has {sorted(metadata)[:5]}, not {ENTRY!r}.")
    try:
        return model_of(metadata[ENTRY], arrays, ESTIMATORS)
    except RecursionError:
        raise ValueError(f"{path} cannot be opened: its document is nested too deeply.") from None
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path} cannot be opened: {error}") from error

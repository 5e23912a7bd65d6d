"""The estimators on a Dask cluster: workers keep rows and compute gradients, and a fit has the bits of one process.

    from grukit.dask import DaskGRUClassifier, DaskGRUForecaster, DaskGRURegressor

Needs Dask's data frames and its scheduler: ``pip install "grukit[dask]"``.
"""

try:
    import dask.dataframe  # noqa: F401
    import distributed  # noqa: F401
except ImportError as error:
    raise ImportError(
        f'grukit.dask needs Dask with its data frames and its scheduler ({error}): pip install "grukit[dask]"'
    ) from error

from grukit.dask._estimators import DaskGRUClassifier, DaskGRURegressor
from grukit.dask._forecaster import DaskGRUForecaster

__all__ = ["DaskGRUClassifier", "DaskGRUForecaster", "DaskGRURegressor"]

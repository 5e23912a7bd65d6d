"""sktime's own checks of the estimators that are estimators of sktime."""

import pytest

pytest.importorskip("sktime", reason="sktime is not installed: pip install 'grukit[sktime]'")

from sktime.utils.estimator_checks import check_estimator

from grukit.interchange.sktime import GRUClassifier, GRUForecaster, GRURegressor


@pytest.mark.filterwarnings("ignore")  # those of sktime, about itself and about what it does to test estimators
@pytest.mark.parametrize(("estimator", "fewest"), [(GRUForecaster, 1000), (GRUClassifier, 200), (GRURegressor, 100)])
def test_every_check_passes(estimator, fewest):
    results = check_estimator(estimator, verbose=False)
    assert {name: error for name, error in results.items() if error != "PASSED"} == {}
    assert len(results) >= fewest
    assert not estimator.get_class_tag("tests:skip_by_name") and not estimator.get_class_tag("tests:skip_all")

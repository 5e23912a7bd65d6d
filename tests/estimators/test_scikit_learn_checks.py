"""scikit-learn's own checks."""

import pytest
from sklearn.utils.estimator_checks import check_estimator

from grukit import GRUClassifier, GRURegressor

NOT_EXCHANGEABLE = "The check reorders, drops or repeats rows; here rows are time steps, so the history changes."
EXPECTED_FAILED_CHECKS = {
    "check_sample_weight_equivalence_on_dense_data": NOT_EXCHANGEABLE,
    "check_methods_sample_order_invariance": NOT_EXCHANGEABLE,
    "check_methods_subset_invariance": NOT_EXCHANGEABLE,
}

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]


def names_with(results, status):
    return {result["check_name"] for result in results if result["status"] == status}


@pytest.mark.parametrize("estimator", [GRURegressor, GRUClassifier])
def test_rows_as_sequences_pass_every_check(estimator):
    results = check_estimator(estimator(window=None), on_skip=None, on_fail=None)
    assert {r["check_name"]: r["exception"] for r in results if r["status"] == "failed"} == {}
    assert names_with(results, "xfail") == set()
    assert set(EXPECTED_FAILED_CHECKS) <= names_with(results, "passed")


# 8 units, 6 rows, of which the linear part reads as many, and no copies that count epochs: for time, and because they may find
# that the mean is best, which no order of rows changes
@pytest.mark.parametrize(
    "estimator",
    [each(8, window=6, early_stopping=False) for each in (GRURegressor, GRUClassifier)],
    ids=["regressor", "classifier"],
)
def test_rows_as_time_steps_fail_exactly_the_checks_that_reorder_rows(estimator):
    results = check_estimator(estimator, expected_failed_checks=EXPECTED_FAILED_CHECKS, on_skip=None, on_fail=None)
    assert {r["check_name"]: r["exception"] for r in results if r["status"] == "failed"} == {}
    assert names_with(results, "xfail") == set(EXPECTED_FAILED_CHECKS)
    assert not names_with(results, "passed") & set(EXPECTED_FAILED_CHECKS)

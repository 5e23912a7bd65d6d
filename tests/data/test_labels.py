"""Labels in and out, links, weights of classes."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logsumexp
from sklearn.utils.class_weight import compute_class_weight

from grukit.data import Classes, independent_rows, log_probability_of, read_labels, read_sequences
from grukit.data.links import mean_of, outputs_of
from grukit.data.predictions import ProbabilityFrame
from grukit.estimators._weights import weights_of_classes


@given(st.sampled_from([st.text(max_size=3), st.integers(-(2**40), 2**40), st.booleans(), st.dates()]).flatmap(
    lambda kind: st.lists(kind, min_size=2, max_size=20).filter(lambda y: len(set(y)) > 1)
))  # fmt: skip
def test_any_labels_come_back(y):
    X = np.zeros((len(y), 1))
    labels, form = read_labels(np.array(y, dtype=object), independent_rows(X), X)
    classes = Classes.found_in(labels, form)
    assert classes.values.tolist() == sorted(set(y))
    numbers = classes.encode(labels)
    assert numbers[:, 0].tolist() == [sorted(set(y)).index(label) for label in y]
    probabilities = np.eye(len(classes.values))[numbers[:, 0].astype(int)]
    assert classes.decode(classes.choose(probabilities))[:, 0].tolist() == y
    assert (classes.n_outputs, classes.link) == ((1, "binary") if len(set(y)) == 2 else (len(set(y)), "softmax"))


@pytest.mark.parametrize(
    ("y", "shape", "per_step", "dtype"),
    [
        (np.array(["a", "b"]), (2, 1), False, "<U1"),
        (np.array([[0, 1, 1], [1, 0, 1]]), (6, 1), True, "int64"),
        ([[0, 1, 1], [1, 0, 1]], (6, 1), True, "int64"),
        (np.array([["a", "b", "a"]] * 2, dtype=object), (6, 1), True, "object"),
        (np.array([[0, 1], [1, 0]], "int8"), (2, 2), False, "int8"),
        (np.zeros((2, 3, 4), bool), (6, 4), True, "bool"),
        ([np.array(["a", "b", "a"]), np.array(["long", "b", "a"])], (6, 1), True, "<U4"),
        ([pd.Series(["a", "b", "a"], dtype="category")] * 2, (6, 1), True, pd.CategoricalDtype(["a", "b"])),
        ([pd.DataFrame({"p": [0, 1, 1], "q": 0})] * 2, (6, 2), True, "int64"),
        (pd.DataFrame({"p": [0, 1], "q": True}), (2, 2), False, "int64"),
        (pd.DataFrame({"p": [0.0, 1], "q": 0.0}), (2, 2), False, "float64"),
        (pd.DataFrame(np.eye(2, 3)), (2, 3), False, "float64"),
    ],
)
def test_the_shape_says_what_y_is(y, shape, per_step, dtype):
    X = np.zeros((2, 3, 1))
    labels, form = read_labels(y, read_sequences(X), X)
    assert labels.shape == shape
    assert (form.per_step, form.n_outputs, form.dtype) == (per_step, shape[1], dtype)
    flat = np.concatenate([np.asarray(t) for t in y]) if per_step else np.asarray(y)
    np.testing.assert_array_equal(labels, flat.reshape(shape))


def test_links():
    o = np.array([[2.0, -1.0, 0.5], [900.0, 0.0, -900.0]])
    np.testing.assert_array_equal(mean_of(o, "identity"), o)
    np.testing.assert_array_equal(mean_of(o[:1], "log"), np.exp(o[:1]))
    with np.errstate(over="ignore"):
        logistic = 1 / (1 + np.exp(-o))
    np.testing.assert_allclose(mean_of(o, "logit"), logistic, rtol=1e-14)
    np.testing.assert_allclose(mean_of(o[:, :1], "binary"), np.c_[1 - logistic[:, 0], logistic[:, 0]], atol=1e-16)
    np.testing.assert_allclose(mean_of(o, "softmax"), np.exp(o - logsumexp(o, axis=1, keepdims=True)), rtol=1e-14)
    np.testing.assert_allclose(log_probability_of(o[:1], "logit"), np.log(logistic[:1]), rtol=1e-14)
    np.testing.assert_allclose(log_probability_of(-o[1:, :1], "binary"), [[0, -900]], rtol=1e-14)
    np.testing.assert_allclose(log_probability_of(o, "softmax"), o - logsumexp(o, axis=1, keepdims=True), rtol=1e-14)


def test_shares_have_outputs_that_stand_for_them():
    shares = np.array([0.2, 0.5, 0.3])
    np.testing.assert_allclose(mean_of(outputs_of(shares, "logit"), "logit"), shares, rtol=1e-14)
    np.testing.assert_allclose(mean_of(outputs_of(shares[:1], "binary"), "binary"), [0.8, 0.2], rtol=1e-14)
    np.testing.assert_allclose(mean_of(outputs_of(shares, "softmax"), "softmax"), shares, rtol=1e-14)


def test_balanced_is_scikit_learns():
    numbers, weight = np.array([0, 0, 0, 2, 2, 1]), np.array([1.0, 2, 0.5, 1, 3, 0.25])
    classes = np.array(["a", "b", "c", "d"])  # the last does not occur
    ours = weights_of_classes("balanced", classes, numbers, np.ones(6))
    theirs = compute_class_weight("balanced", classes=classes[:3], y=classes[numbers])
    np.testing.assert_allclose(ours, [*theirs, 1], rtol=1e-15)
    weighted = weights_of_classes("balanced", classes, numbers, weight)
    np.testing.assert_allclose(np.bincount(numbers, weight * weighted[numbers]), weight.sum() / 3, rtol=1e-15)


def test_a_frame_of_probabilities_has_columns_by_position():
    frame = ProbabilityFrame(pd.DataFrame([[0.2, 0.8], [0.6, 0.4]], columns=[1, 0]))
    np.testing.assert_array_equal(frame[:, 1], [0.8, 0.4])
    np.testing.assert_array_equal(frame[:, 1:], [[0.8], [0.4]])
    assert frame[1].tolist() == [0.2, 0.6]  # by label
    assert type(frame[[1]]) is type(frame * 2) is pd.DataFrame

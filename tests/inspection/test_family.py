"""Looking inside models with other cells, both directions, missing values, and classifiers."""

import numpy as np
import pandas as pd
import pytest
import reference
from plain import PLAIN, for_labels

from grukit import GRUClassifier, GRURegressor
from grukit.estimators.fitted import fitted_state
from grukit.inspection import gates, gradient_flow, saliency

RNG = np.random.default_rng(0)
SEQUENCES = [RNG.normal(5, 2, (4, 2)), RNG.normal(5, 2, (2, 2)), RNG.normal(5, 2, (3, 2))]
GAPS = [np.where(RNG.random(x.shape) < 0.3, np.nan, x) for x in SEQUENCES]
SETTINGS = {
    **PLAIN,
    "hidden_layer_sizes": (3, 2),
    "max_iter": 3,
    "learning_rate_init": 0.05,
    "dtype": "float64",
    "random_state": 0,
}


def log_odds(model, x):
    ((low, high),) = model.predict_log_proba([x])
    return high - low


@pytest.mark.parametrize("changes", [
    {"cell": "dual_state"}, {"bidirectional": True}, {"missing": "mask"}, {"missing": "decay"}, {"classifier": True},
], ids=str)  # fmt: skip
def test_saliency_agrees_with_central_differences_of_predictions(changes):
    X = GAPS if "missing" in changes else SEQUENCES
    if changes.get("classifier"):
        model, predict = GRUClassifier(**for_labels(SETTINGS)).fit(X, ["a", "b", "b"]), log_odds
    else:
        model = GRURegressor(**SETTINGS, **changes).fit(X, [1.0, 2.0, 4.0])

        def predict(model, x):
            return model.predict([x])[0]

    found = saliency(model, X)
    for i, sequence in enumerate(X):
        x = sequence.copy()
        expected = reference.central_difference(lambda x=x: predict(model, x), x, step=1e-5)
        seen = ~np.isnan(sequence)
        np.testing.assert_allclose(found.loc[i].to_numpy()[seen], expected[seen], rtol=1e-6, atol=1e-9)


def test_outputs_follow_from_the_gates():
    """Of the unit with two states output o h, of both directions the joined states, at every step."""
    y = [RNG.normal(size=len(x)) for x in SEQUENCES]
    for changes in ({"cell": "dual_state"}, {"bidirectional": True}):
        model = GRURegressor(**SETTINGS, **changes).fit(SEQUENCES, y)
        inside = gates(model, SEQUENCES)
        state = inside[1, "state"] * (inside[1, "output"] if "cell" in changes else 1.0)
        weights = model.weights_
        outputs = state.to_numpy() @ weights["head.weight"][0] + weights["head.bias"]
        expected = np.concatenate(model.predict(SEQUENCES))
        np.testing.assert_allclose(fitted_state(model).y_scaler.inverse(outputs[:, None])[:, 0], expected, rtol=1e-12)


def test_gradient_flow_of_the_unit_with_two_states_begins_at_the_output_gate():
    model = GRURegressor(**{**SETTINGS, "hidden_layer_sizes": 3}, cell="dual_state").fit(SEQUENCES, [1.0, 2.0, 4.0])
    flow = gradient_flow(model, SEQUENCES, [1.0, 2.0, 4.0])
    inside = gates(model, SEQUENCES)
    norms = []
    for i, target in enumerate([1.0, 2.0, 4.0]):
        error = (model.predict(SEQUENCES)[i] - target) / fitted_state(model).y_scaler.scale[0]
        gate = inside[0, "output"].loc[i].iloc[-1]
        norms.append(np.linalg.norm(2 * error * model.weights_["head.weight"][0] * gate))
    np.testing.assert_allclose(flow.loc[0, 0], np.mean(norms), rtol=1e-10)


@pytest.mark.parametrize("labels", [["a", "b", "a"], ["a", "b", "c"], pd.DataFrame([[0, 1], [1, 1], [0, 0]])], ids=len)
def test_gradient_flow_of_a_classifier_begins_at_the_error_of_its_probabilities(labels):
    model = GRUClassifier(**for_labels({**SETTINGS, "hidden_layer_sizes": 3})).fit(SEQUENCES, labels)
    state = fitted_state(model)
    flow = gradient_flow(model, SEQUENCES, labels)
    assert fitted_state(model) is state
    wanted = np.eye(3)[:, [0, 1, 2]] if len(set(np.ravel(labels))) == 3 else np.asarray(labels)
    found = np.asarray(model.predict_proba(SEQUENCES))
    if wanted.ndim == 1:
        wanted, found = (wanted == "b")[:, None], found[:, 1:]
    slopes = (found - wanted) / (2 if isinstance(labels, pd.DataFrame) else 1)
    expected = np.linalg.norm(slopes @ model.weights_["head.weight"], axis=1).mean()
    np.testing.assert_allclose(flow.loc[0, 0], expected, rtol=1e-10)


def test_a_bidirectional_model_has_no_one_end():
    model = GRURegressor(**SETTINGS, bidirectional=True).fit(SEQUENCES, [1.0, 2.0, 4.0])
    with pytest.raises(ValueError, match="no one distance from the end"):
        gradient_flow(model, SEQUENCES, [1.0, 2.0, 4.0])


def test_integrated_parts_add_up_where_values_are_missing():
    model = GRURegressor(**SETTINGS, missing="mask").fit(GAPS, [1.0, 2.0, 4.0])
    parts = saliency(model, GAPS, method="integrated", baseline=2.0, n_steps=400)
    for i, x in enumerate(GAPS):
        baseline = np.where(np.isnan(x), np.nan, 2.0)
        difference = model.predict([x])[0] - model.predict([baseline])[0]
        assert parts.loc[i].sum().sum() == pytest.approx(difference, rel=1e-4)
        np.testing.assert_array_equal(np.isnan(parts.loc[i]), np.isnan(x))


def test_the_class_that_is_explained():
    frames = [pd.DataFrame(x, columns=["a", "b"]) for x in SEQUENCES]
    model = GRUClassifier(**for_labels(SETTINGS)).fit(frames, pd.Series(["no", "yes", "yes"]))
    pd.testing.assert_frame_equal(saliency(model, frames, output="yes"), saliency(model, frames))
    with pytest.raises(ValueError, match=r"output must be one of \['yes'\]; got 'no'"):
        saliency(model, frames, output="no")


@pytest.mark.parametrize("labels", [["no", "yes", "yes"], [3, 2, 1], [0, 1, 1]], ids=str)
def test_a_class_goes_by_its_label_where_y_is_an_array(labels):
    model = GRUClassifier(**for_labels(SETTINGS)).fit(SEQUENCES, np.array(labels))
    many = len(model.classes_) > 2
    for k, label in enumerate(model.classes_):
        if not many and k == 0:
            with pytest.raises(ValueError, match="output must be one of"):
                saliency(model, SEQUENCES, output=label)
            continue
        found = saliency(model, SEQUENCES[:1], output=label)
        x = SEQUENCES[0].copy()

        def contrast(x=x, k=k):  # of logits from their mean, which the softmax leaves; of two classes the log odds
            logs = model.predict_log_proba([x])[0]
            return logs[k] - logs.mean() if many else logs[1] - logs[0]

        expected = reference.central_difference(contrast, x, step=1e-5)
        mean = np.mean([saliency(model, SEQUENCES[:1], output=each) for each in model.classes_], axis=0) if many else 0
        np.testing.assert_allclose(found - mean, expected, rtol=1e-6, atol=1e-8)


def test_gradient_flow_reaches_as_far_as_samples_with_a_target():
    model = GRURegressor(**SETTINGS, missing="mask").fit(GAPS, [1.0, 2.0, 4.0])
    flow = gradient_flow(model, GAPS, [np.nan, 2.0, 4.0])  # the first is the longest
    pd.testing.assert_frame_equal(flow, gradient_flow(model, GAPS[1:], [2.0, 4.0]), rtol=1e-12)
    with pytest.raises(ValueError, match="y holds no target"):
        gradient_flow(model, GAPS, [np.nan] * 3)


def test_gradient_flow_leaves_out_what_has_no_target():
    y = [np.array([1.0, np.nan, 2.0, np.nan]), np.full(2, np.nan), np.array([0.0, 1.0, 2.0])]
    model = GRURegressor(**SETTINGS, missing="mask").fit(SEQUENCES, y)
    alone = [gradient_flow(model, [SEQUENCES[i]], [y[i]]) for i in (0, 2)]
    both = gradient_flow(model, SEQUENCES, y)
    np.testing.assert_allclose(both[:3], (alone[0][:3] + alone[1]) / 2, rtol=1e-12)
    np.testing.assert_allclose(both[3:], alone[0][3:], rtol=1e-12)

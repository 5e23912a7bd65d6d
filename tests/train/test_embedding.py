"""Categories that a network reads as learned numbers, against the same network of one-hot inputs and central differences."""

from dataclasses import astuple, replace

import numpy as np
import pytest
import reference
from thorough import if_full

from grukit.engines import missing_in_cuda, select_engine
from grukit.model import Decoder, Embedding, NetworkSpec, initialize
from grukit.train import Problem

KERNELS = select_engine("cpu").kernels
N = 4  # categories of the first table, and of the second N + 1
FIRST, SECOND = Embedding(1, 2, N + 1), Embedding(3, 3, N + 2)
WIDTH = 7  # of a row: a number, two of the first category, three of the second, a number
SPECS = {
    "layers": NetworkSpec("gru", WIDTH, (4, 3), 2, embeddings=(FIRST, SECOND)),
    "ahead": NetworkSpec(
        "gru",
        2 * WIDTH,
        (3,),
        3 * 4,
        segment=2,
        decoder=Decoder(1, 3, 2, (3, 4, 5, 6)),
        embeddings=(FIRST, SECOND),
    ),
    "one after another": NetworkSpec(
        "gru", WIDTH, (3,), 8, bidirectional=True, decoder=Decoder(4, 1, 1, (1, 2, 6)), embeddings=(FIRST,)
    ),
}
CASES = ["layers", "ahead", *if_full("one after another")]


def samples(n=11, outputs=2, dtype="float64"):
    """Sequences of unequal length, with room for six rows ahead, several of which share a category."""
    rng = np.random.default_rng(0)
    lengths = np.array([7, 40, 1, 21, 21, 2, 44, 18, 5, 39, 12])[np.arange(n) % 11]
    starts = np.cumsum(lengths + 6) - lengths - 6
    values = rng.normal(size=(int((lengths + 6).sum()), WIDTH))
    for start, length, number in zip(starts, lengths, range(n), strict=True):
        values[start : start + length + 6, 1] = number % (N + 1)  # also the one that is not known
        values[start : start + length + 6, 3] = (number + 2) % 3
    weights = rng.uniform(0.5, 2, n).astype(dtype)
    return KERNELS.Samples(values.astype(dtype), rng.normal(size=(n, outputs)).astype(dtype), starts, lengths, weights)


class OneHot:
    """The same network of inputs that are one for each category, without embeddings.

    Attributes
    ----------
    narrow : ndarray of shape (WIDTH, D)
        Which makes a row of the network with embeddings of one of the D inputs here.
    places : dict of int to list of int
        Of each column of a row, or the first of each category, the inputs here.
    """

    def __init__(self, spec, parameters, data):
        views = spec.views(parameters)
        tables = {each.column: views[f"embedding.{k}.weight"].T for k, each in enumerate(spec.embeddings)}
        inside = {column for each in spec.embeddings for column in range(each.column + 1, each.column + each.width)}
        blocks, inputs, self.places, n = [], [], {}, 0
        for d in (d for d in range(WIDTH) if d not in inside):
            table, own = tables.get(d, np.ones((1, 1))), data.values[:, d]
            block = np.zeros((WIDTH, table.shape[1]))
            block[d : d + len(table)] = table
            blocks.append(block)
            inputs.append(own[:, None] == np.arange(table.shape[1]) if d in tables else own[:, None])
            self.places[d] = list(range(n, n := n + table.shape[1]))
        self.narrow, self.data = np.hstack(blocks), data._replace(values=np.hstack(inputs).astype(float))
        self.spec = replace(spec, n_inputs=spec.segment * n, embeddings=())
        if spec.decoder is not None:
            read = tuple(j for d in spec.decoder.columns if d in self.places for j in self.places[d])
            self.spec = replace(self.spec, decoder=replace(spec.decoder, columns=read))
        self.parameters = np.concatenate([self._weights(spec, name, views[name]).ravel() for name in self.spec.shapes])

    def _weights(self, spec, name, view):
        if name.startswith("weight_ih_l0"):
            return view @ np.kron(np.eye(spec.segment), self.narrow)
        if name == "weight_ih_decoder":
            ahead, first = spec.decoder, spec.decoder.at_once
            own = self.narrow[np.ix_(ahead.columns, self.spec.decoder.columns)]
            return np.hstack([view[:, :first], view[:, first:] @ np.kron(np.eye(ahead.rows), own)])
        return view

    def d_table(self, spec, views, d_wide, column, width):
        """The gradient of a table by the chain rule, of those of the input weights here."""
        total, places, mine = 0.0, self.places[column], list(range(column, column + width))
        for suffix, _, _ in spec.layers[: spec.n_directions]:
            for i in range(spec.segment):
                own = d_wide[f"weight_ih_{suffix}"][:, [i * self.narrow.shape[1] + j for j in places]]
                total = total + own.T @ views[f"weight_ih_{suffix}"][:, [i * WIDTH + d for d in mine]]
        if spec.decoder is not None and column in spec.decoder.columns:
            ahead, wide = spec.decoder, self.spec.decoder
            for i in range(ahead.rows):
                own = [wide.at_once + i * len(wide.columns) + wide.columns.index(j) for j in places]
                its = [ahead.at_once + i * len(ahead.columns) + ahead.columns.index(d) for d in mine]
                total = total + d_wide["weight_ih_decoder"][:, own].T @ views["weight_ih_decoder"][:, its]
        return total


def loss_and_gradient(spec, parameters, data):
    with Problem(KERNELS, spec, data, "squared_error", 0.0) as problem:
        value, gradient = problem.loss_and_gradient(parameters)
        return value, gradient.copy()


@pytest.mark.parametrize("name", CASES)
def test_a_network_of_embedded_categories_is_that_of_one_hot_inputs(name):
    """Whose weights are the products of the input weights and the tables: the loss, and the gradients by the chain rule."""
    spec = SPECS[name]
    data = samples(outputs=spec.n_outputs)
    parameters = np.random.default_rng(1).normal(0, 0.5, spec.n_parameters)
    wide = OneHot(spec, parameters, data)
    value, gradient = loss_and_gradient(spec, parameters, data)
    wanted, d_wide = loss_and_gradient(wide.spec, wide.parameters, wide.data)
    np.testing.assert_allclose(value, wanted, rtol=1e-12)
    views, d_views, d_wide = spec.views(parameters), spec.views(gradient), wide.spec.views(d_wide)
    for each, view in d_wide.items():
        if view.shape == d_views[each].shape:
            np.testing.assert_allclose(d_views[each], view, rtol=1e-8, atol=1e-12, err_msg=each)
    for k, (column, width, _) in enumerate(map(astuple, spec.embeddings)):
        expected = wide.d_table(spec, views, d_wide, column, width)
        assert np.abs(expected[:3]).min() > 0
        expected[-1] = 0.0  # it stays as it is
        np.testing.assert_allclose(d_views[f"embedding.{k}.weight"], expected, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_gradients_agree_with_central_differences(name):
    spec = SPECS[name]
    data = samples(outputs=spec.n_outputs)
    parameters = np.random.default_rng(2).normal(0, 0.5, spec.n_parameters)
    tables = slice(0, spec.n_parameters - spec.n_multiplied)
    with Problem(KERNELS, spec, data, "squared_error", 0.0) as problem:
        found = problem.loss_and_gradient(parameters)[1].copy()
        numeric = np.zeros_like(found)
        numeric[tables] = reference.central_difference(
            lambda: problem.loss_and_gradient(parameters)[0], parameters[tables]
        )
    found, numeric = spec.views(found), spec.views(numeric)
    for name in (f"embedding.{k}.weight" for k in range(len(spec.embeddings))):
        np.testing.assert_allclose(found[name][:-1], numeric[name][:-1], rtol=1e-6, atol=1e-9)
        np.testing.assert_array_equal(found[name][-1], 0.0)  # it stays as it is,
    assert np.abs(numeric["embedding.0.weight"][-1]).min() > 0  # though it has a part in the loss


def test_any_number_of_threads_gives_the_same_bits():
    spec = SPECS["layers"]
    data = samples(150)
    parameters = initialize(spec, "uniform", "float64", np.random.RandomState(0))
    found = []
    for n_threads in (1, 2, 3):
        with Problem(KERNELS, spec, data, "squared_error", 0.0, None, n_threads, batch_size=150) as problem:
            value, gradient = problem.loss_and_gradient(parameters)
            found.append((value, gradient.tobytes()))
    assert found[0] == found[1] == found[2]


def test_tables_come_first_and_are_no_part_of_what_steps_multiply_by():
    spec = SPECS["layers"]
    assert list(spec.shapes)[:3] == ["embedding.0.weight", "embedding.1.weight", "weight_ih_l0"]
    assert spec.shapes["embedding.1.weight"] == (6, 3)
    bare = replace(spec, embeddings=())
    assert spec.n_multiplied == bare.n_parameters == bare.n_multiplied == spec.n_parameters - 10 - 18
    assert not spec.penalized("float64")[:28].any()
    drawn = initialize(spec, "glorot", "float64", np.random.RandomState(0))[:28]
    assert 0.05 < drawn.std() < 0.2
    assert spec.for_kernels(KERNELS).options is None  # of inference
    np.testing.assert_array_equal(
        SPECS["ahead"].for_kernels(KERNELS, 0).options.embeddings, [[1, 2, 0, 10, -1], [3, 3, 10, 18, 0]]
    )
    assert missing_in_cuda(spec) == "the GPU's kernels have no embeddings"

"""What fits learned, compared part by part, and files of it that say something else."""

import json
from dataclasses import fields, is_dataclass

import numpy as np
import pandas as pd

import grukit
from grukit.files import read_tensors, write_tensors


def through(model, path):
    model.save(path / "model.gru")
    return grukit.load(path / "model.gru")


def bare(index):
    """An index without the frequency that pandas may have found in it."""
    if isinstance(index, pd.DatetimeIndex | pd.TimedeltaIndex):
        index = index.copy()
        index.freq = None
    return index


def check_same(one, other, where="fitted"):
    """Raise where two records differ in anything, also in a type; a range of numbers is as good as the numbers."""
    if isinstance(one, pd.Index):
        pd.testing.assert_index_equal(bare(one), bare(other), exact="equiv")
        return
    assert type(one) is type(other), where
    if is_dataclass(one) and not isinstance(one, type):
        for field in fields(one):
            check_same(getattr(one, field.name), getattr(other, field.name), f"{where}.{field.name}")
    elif isinstance(one, np.ndarray):
        assert one.dtype == other.dtype, where
        np.testing.assert_array_equal(one, other, where)
    elif isinstance(one, np.random.RandomState):
        check_same(one.get_state(), other.get_state(), where)
    elif isinstance(one, dict):
        check_same(list(one.items()), list(other.items()), where)
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), where
        for i, (a, b) in enumerate(zip(one, other, strict=True)):
            check_same(a, b, f"{where}[{i}]")
    else:
        assert one == other or (one != one and other != other), where


def check_same_model(model, again):
    assert type(again) is type(model)
    check_same(model.get_params(), again.get_params(), "parameters")
    check_same(model._fitted, again._fitted)


def check_same_but_time(model, again):
    """Records also tell how long an epoch took."""
    for each in (model, again):
        for entry in each._fitted.training.records:
            entry["seconds"] = 0.0
    check_same_model(model, again)


def changed(path, change):
    """The file with another document, and a checksum that is right again."""
    metadata, arrays = read_tensors(path)
    document = json.loads(metadata["grukit"])
    change(document, arrays)
    write_tensors(path, {"grukit": json.dumps(document)}, arrays)


def put(*keys, value):
    def change(document, arrays):
        at = document
        for key in keys[:-1]:
            at = at[key]
        assert keys[-1] in at or isinstance(keys[-1], int)
        at[keys[-1]] = value

    return change


def put_array(name, value):
    def change(document, arrays):
        assert name is None or name in arrays
        arrays[name] = value

    return change

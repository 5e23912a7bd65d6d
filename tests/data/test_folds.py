"""Blocks in time, each with the samples before it."""

from itertools import pairwise

import numpy as np
import pandas as pd

from grukit.data import ALL_ALIKE, Samples, folds_in_time, read_table, windows


def samples_of(frame, weights=None, window=4):
    table = read_table(frame.to_numpy(), frame)
    weights = np.ones(len(frame)) if weights is None else weights
    return Samples(
        windows(table, window), np.arange(len(frame))[:, None].astype(float), weights, False, ALL_ALIKE
    ), table


def rows_of(fold):
    return [part.targets[:, 0].astype(int).tolist() for part in fold]


def test_each_block_of_the_second_half_follows_all_before_it():
    folds = folds_in_time(*samples_of(pd.DataFrame({"x": np.arange(16.0)})), 4, 0.5)
    ends = [8, 10, 12, 14, 16]
    expected = [[list(range(begin)), list(range(begin, end))] for begin, end in pairwise(ends)]
    assert [rows_of(fold) for fold in folds] == expected


def test_samples_without_weight_are_in_no_fold_and_do_not_count():
    weights = np.r_[np.zeros(10), np.ones(8)]
    folds = folds_in_time(*samples_of(pd.DataFrame({"x": np.arange(18.0)}), weights), 2, 0.5)
    assert [rows_of(fold) for fold in folds] == [
        [[10, 11, 12, 13], [14, 15]],
        [[10, 11, 12, 13, 14, 15], [16, 17]],
    ]


def test_all_series_of_a_panel_are_cut_at_the_same_times():
    index = pd.MultiIndex.from_tuples([("a", t) for t in range(8)] + [("b", t) for t in range(4, 8)])
    folds = folds_in_time(*samples_of(pd.DataFrame({"x": np.arange(12.0)}, index)), 2, 0.5)
    times = np.r_[np.arange(8), np.arange(4, 8)]
    for training, judged in map(rows_of, folds):
        assert times[training].max() < times[judged].min()
    assert sorted(rows_of(folds[-1])[0] + rows_of(folds[-1])[1]) == list(range(12))


def test_a_fold_without_a_value_to_learn_from_is_left_out():
    frame = pd.DataFrame({"x": np.arange(16.0), "late": np.where(np.arange(16) < 11, np.nan, 1.0)})
    table = read_table(frame.to_numpy(), frame)
    samples = Samples(windows(table, 4), np.arange(16.0)[:, None], np.ones(16), False, ALL_ALIKE)
    assert [len(training.targets) for training, _ in folds_in_time(samples, table, 4, 0.5)] == [12, 14]

"""Blocks in time, each with the samples before it; and parts of samples that stand alone, each with the others."""

import numpy as np
import pandas as pd
import pytest

from grukit.data import ALL_ALIKE, Samples, folds_in_time, folds_of_classes, read_table, stand_alone, windows


def samples_of(frame, weights=None, window=4):
    table = read_table(frame.to_numpy(), frame)
    weights = np.ones(len(frame)) if weights is None else weights
    return Samples(
        windows(table, window), np.arange(len(frame))[:, None].astype(float), weights, False, ALL_ALIKE
    ), table


def rows_of(fold):
    return [part.targets[:, 0].astype(int).tolist() for part in fold]


def test_each_block_of_the_second_half_or_all_from_it_on_follow_all_before_it():
    given = samples_of(pd.DataFrame({"x": np.arange(16.0)}))
    begins = (8, 10, 12, 14)
    folds = folds_in_time(*given, 4, 0.5, to_the_end=True)
    assert [rows_of(fold) for fold in folds] == [[list(range(begin)), list(range(begin, 16))] for begin in begins]
    folds = folds_in_time(*given, 4, 0.5)
    expected = [[list(range(begin)), list(range(begin, begin + 2))] for begin in begins]
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


def test_each_part_has_its_share_of_every_class_and_the_others_are_learned_from():
    labels = np.array([0, 1, 0, 0, 1, 0, 1, 0, 1, 0])[:, None].astype(float)
    alone = stand_alone(np.arange(10.0)[:, None], np.ones(10, int))
    folds = folds_of_classes(Samples(alone, labels, np.arange(1.0, 11), False, ALL_ALIKE), 3)
    judged = [[0, 1, 5, 8], [2, 4, 7], [3, 6, 9]]  # the first of each class, its second, its third, and so on
    for (training, part), own in zip(folds, judged, strict=True):
        others = np.setdiff1d(np.arange(10), own)
        for samples, rows in ((part, own), (training, others)):
            np.testing.assert_array_equal(samples.sequences.starts, rows)
            np.testing.assert_array_equal(samples.targets, labels[rows])
            np.testing.assert_array_equal(samples.weights, np.array(rows) + 1.0)


@pytest.mark.parametrize("labels", [np.zeros(9), np.r_[np.zeros(7), np.ones(2)]], ids=["one class", "too few of one"])
def test_without_enough_of_every_class_there_are_no_parts(labels):
    alone = stand_alone(np.arange(9.0)[:, None], np.ones(9, int))
    assert folds_of_classes(Samples(alone, labels[:, None], np.ones(9), False, ALL_ALIKE), 3) == []

"""The record of a fit as a frame."""

import pandas as pd

from grukit.data import history_frame

COLUMNS = ["epoch", "loss", "validation_loss", "gradient_norm", "learning_rate", "seconds"]


def test_one_row_an_epoch():
    records = [{name: 10.0 * epoch + i for i, name in enumerate(COLUMNS)} for epoch in (1, 2)]
    frame = history_frame(records)
    assert list(frame.columns) == COLUMNS
    assert frame.to_dict("records") == records
    empty = history_frame([])
    pd.testing.assert_index_equal(empty.columns, frame.columns)
    assert len(empty) == 0

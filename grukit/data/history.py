"""The record of a fit as a frame."""

from typing import Any

import pandas as pd

COLUMNS = ["epoch", "loss", "validation_loss", "gradient_norm", "learning_rate", "seconds"]


def history_frame(records: list[dict[str, Any]]) -> pd.DataFrame:
    """One row an epoch; columns epoch, loss, validation_loss, gradient_norm, learning_rate, seconds."""
    return pd.DataFrame(records, columns=COLUMNS)

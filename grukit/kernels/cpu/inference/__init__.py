"""Predictions: layer by layer, many sequences in lanes, and what predictors and streams call."""

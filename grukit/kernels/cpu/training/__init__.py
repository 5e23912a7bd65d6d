"""From samples to parameters: chunks of a batch, an epoch's batches, the optimisers."""

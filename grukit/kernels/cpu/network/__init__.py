"""A whole network on one chunk of sequences, forward and backward, and its parts that are no cells."""

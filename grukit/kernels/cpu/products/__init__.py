"""Products of matrices and vectors, in tiles that the processor's registers hold."""

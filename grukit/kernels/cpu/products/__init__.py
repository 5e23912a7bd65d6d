"""Products of matrices and vectors: the BLAS's, and those in vector registers."""

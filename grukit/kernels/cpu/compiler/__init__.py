"""How the kernels are compiled, and what they ask of the compiler."""

"""How the kernels are compiled, and the intrinsics they use."""

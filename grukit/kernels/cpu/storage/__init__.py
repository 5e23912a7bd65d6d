"""Where numbers lie: a network's parameters, a chunk's workspace, arrays that start at a cache line."""

"""A training step recorded once and replayed: a launch from Python costs the host 6 us and 4 us for each array.

An option (``Session.graphs``), off by default until a GPU has shown that recorded and plain launches give the same bits.
"""

from typing import Any

from grukit.kernels.cuda._cuda import cuda


class Recorded:
    """Launches as a CUDA graph. They must have run before: a kernel cannot be loaded while it is recorded."""

    def __init__(self, launches: list[Any]):
        from cuda.core import Device

        self._stream = Device().create_stream()
        builder = self._stream.create_graph_builder()
        builder.begin_building()
        for launch in launches:
            launch.run(builder)
        self._graph = builder.end_building().complete()

    def run(self, times: int) -> None:
        """Replay; returns when the device is done."""
        cuda.synchronize()  # the copies before it are on another stream
        for _ in range(times):
            self._graph.launch(self._stream)
        self._stream.sync()

"""What a network is: its specification, its parameters in one flat vector, and its passes."""

from grukit.model.decoder import Decoder
from grukit.model.embedding import Embedding, weights_of
from grukit.model.initialize import initialize
from grukit.model.network import network_backward, network_forward
from grukit.model.specification import CELLS, NetworkSpec

__all__ = [
    "CELLS",
    "Decoder",
    "Embedding",
    "NetworkSpec",
    "initialize",
    "network_backward",
    "network_forward",
    "weights_of",
]

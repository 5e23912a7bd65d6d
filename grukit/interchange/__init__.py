"""Networks to and from other libraries, none of which needs to be installed: arrays in, arrays out.

What a library cannot say is refused with that reason, and what is given was compared with ``predict`` before.
"""

from grukit.interchange._keras import from_keras, to_keras
from grukit.interchange._torch import from_torch, to_torch

__all__ = ["from_keras", "from_torch", "to_keras", "to_torch"]

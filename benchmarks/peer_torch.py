"""PyTorch as a contender of ``peers.py``; see :mod:`peer_frameworks`."""

from collections.abc import Callable
from typing import Any

import numpy as np
from peer_cases import BETA_1, BETA_2, CLIP_NORM, EPSILON, LEARNING_RATE, Work


class Torch:
    """Eager ``nn.GRU``, time first, the fused Adam."""

    def __init__(self, work: Work, dtype: str = "float32"):
        import torch

        torch.set_num_threads(work.threads)
        self.torch, self.dtype = torch, getattr(torch, dtype)
        case = work.case
        self.layer = torch.nn.GRU(case.inputs, case.hidden[0], len(case.hidden))
        self.head = torch.nn.Linear(case.hidden[-1], case.outputs)
        own = {f"layer.{k}" if "head" not in k else k: torch.from_numpy(v.copy()) for k, v in work.weights.items()}
        self.model = torch.nn.ModuleDict({"layer": self.layer, "head": self.head})
        self.model.load_state_dict(own)
        self.model.to(self.dtype)
        self.windows = torch.from_numpy(work.windows.copy()).to(self.dtype)
        self.targets = torch.from_numpy(work.targets).to(self.dtype)
        self.optimizer = torch.optim.Adam(
            self.model.parameters(), lr=LEARNING_RATE, betas=(BETA_1, BETA_2), eps=EPSILON, fused=True
        )

    def loss(self, batch: Any) -> Any:
        """Mean squared error of a batch."""
        x = self.windows[batch].transpose(0, 1)
        return self.torch.nn.functional.mse_loss(self.head(self.layer(x)[1][-1]), self.targets[batch])

    def train(self, batches: np.ndarray) -> np.ndarray:
        """One step a row of ``batches``."""
        losses = []
        for batch in self.torch.from_numpy(batches):
            self.optimizer.zero_grad()
            loss = self.loss(batch)
            loss.backward()
            self.torch.nn.utils.clip_grad_norm_(self.model.parameters(), CLIP_NORM)
            self.optimizer.step()
            losses.append(loss.detach())
        return self.torch.stack(losses).numpy()

    def loss_and_gradient(self, batch: np.ndarray) -> tuple[float, dict[str, np.ndarray]]:
        """For the checks of grukit."""
        self.optimizer.zero_grad()
        loss = self.loss(self.torch.from_numpy(batch))
        loss.backward()
        return float(loss.detach()), {
            k.removeprefix("layer."): p.grad.numpy() for k, p in self.model.named_parameters()
        }

    def inference(self, x: np.ndarray) -> Callable[[], np.ndarray]:
        """The outputs of x, once a call."""
        torch, x = self.torch, self.torch.from_numpy(x)

        def outputs() -> np.ndarray:
            with torch.inference_mode():
                return self.head(self.layer(x)[1][-1]).numpy()

        return outputs

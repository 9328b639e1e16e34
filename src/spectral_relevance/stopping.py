"""Early stopping: each run keeps its best epoch, and all end when none still waits."""

from typing import Any

import torch
from torch import Tensor, nn


class Best:
    """The parameters that each of the runs had when its validation loss was least.

    A run that has waited in vain keeps them, whatever it does until the others end, so
    that nothing depends on what is trained beside it.

    Parameters
    ----------
    network : Module
        What is trained; all that it holds has a leading replica dimension R.
    patience : int
        How many epochs a run waits for the next improvement.

    Attributes
    ----------
    loss : Tensor, shape (R,)
        The least validation loss of each run; infinite before the first.
    """

    def __init__(self, network: nn.Module, patience: int) -> None:
        self.patience = patience
        self.tensors = {k: v.clone() for k, v in network.state_dict().items()}
        first = next(iter(self.tensors.values()))
        self.loss = torch.full((len(first),), torch.inf, device=first.device)
        self.epoch = torch.zeros_like(self.loss, dtype=torch.int64)

    @torch.no_grad()
    def update(self, epoch: int, loss: Tensor, network: nn.Module) -> bool:
        """Keep what has improved, and return whether to end.

        Parameters
        ----------
        epoch : int
            The number of the epoch.
        loss : Tensor, shape (R,)
            Validation loss of each run after it.
        network : Module
            What is trained.
        """
        better = (loss < self.loss) & (epoch - self.epoch <= self.patience)
        if better.any():
            self.epoch[better] = epoch
            self.loss[better] = loss[better]
            for name, values in network.state_dict().items():
                self.tensors[name][better] = values[better]
        return bool((epoch - self.epoch >= self.patience).all())

    def restore(self, network: nn.Module) -> None:
        """Give each run the parameters of its best epoch."""
        network.load_state_dict(self.tensors)

    def state(self) -> dict[str, Any]:
        """Return all that changes from epoch to epoch."""
        return {"tensors": self.tensors, "loss": self.loss, "epoch": self.epoch}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state` gave."""
        for name, values in state["tensors"].items():
            self.tensors[name].copy_(values)
        self.loss.copy_(state["loss"])
        self.epoch.copy_(state["epoch"])

"""The state of a training, and one epoch of it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from spectral_relevance.arrays import Rows
from spectral_relevance.checkpoint import digest, get_states, set_states
from spectral_relevance.errors import UserError
from spectral_relevance.evaluation import losses, measure, predict
from spectral_relevance.examples import Examples
from spectral_relevance.hardware import can_compile
from spectral_relevance.networks import Architecture, Network
from spectral_relevance.penalty import Penalties
from spectral_relevance.runs import Run, Training

SMALL = 0.01
"""The history counts the inputs whose relevance exceeds this share of the largest."""


class Diverged(UserError):
    """A training whose loss is no number any more.

    Parameters
    ----------
    run : int
        Which of the runs, counted from 0.
    epoch : int
        The epoch.
    loss : float
        What was found.
    who : str, optional
        What to call the run.
    """

    def __init__(self, run: int, epoch: int, loss: float, who: str = "") -> None:
        super().__init__(
            f"{who or f'run {run}'}, epoch {epoch}: expected a finite loss, found "
            f"{loss}: the training has diverged.",
            "lower the learning rate.",
        )
        self.run, self.epoch, self.loss = run, epoch, loss


class Trainer:
    """All that changes while runs are trained side by side.

    Parameters
    ----------
    data : Examples
        The examples.
    runs : sequence of Run
        The runs.
    architecture, training : Architecture, Training
        What is trained and how.
    device : torch.device
        Where.
    """

    def __init__(
        self,
        data: Examples,
        runs: Sequence[Run],
        architecture: Architecture,
        training: Training,
        device: torch.device,
    ) -> None:
        self.data, self.runs, self.training, self.device = data, runs, training, device
        self.steps = min(map(len, data.rows)) // training.batch_size
        # Independent streams, so that none depends on how much another one draws.
        streams = [np.random.SeedSequence(run.seed).spawn(3) for run in runs]
        self.orders = [np.random.default_rng(stream[1]) for stream in streams]
        self.masks = [np.random.Generator(np.random.SFC64(s[2])) for s in streams]
        self.network = Network(data.inputs, architecture, len(runs))
        self.network.reset_parameters([_torch_generator(s[0]) for s in streams])
        self.network.first.permute_inputs(data.order)
        self.network.first.present = data.present
        self.network.to(device).train()
        self.penalties = Penalties(self.network, [run.penalty for run in runs])
        self.optimisers = self.penalties.optimisers(training.learning_rate)
        self.dropouts = self.network.dropouts()
        self.batch_losses = self._batch_losses
        self.compiled = training.compile and can_compile(device)
        if self.compiled:
            self.batch_losses = torch.compile(self._batch_losses, dynamic=False)

    def _batch_losses(self, x: Tensor, y: Tensor, weights: Tensor | None) -> Tensor:
        return losses(self.network(x), y, self.training.loss, weights)

    def train_epoch(self) -> Tensor:
        """Train one epoch and return the mean loss of each run, shape ``(R,)``."""
        size = self.training.batch_size
        batches = shuffled_batches(self.data.rows, self.steps, size, self.orders)
        total = torch.zeros(len(self.runs), device=self.device)
        for index in batches.to(self.device):
            for dropout in self.dropouts:
                dropout.draw(size, self.masks)
            total += self.step(index)
        return total / self.steps

    def step(self, index: Tensor) -> Tensor:
        """Take one step on the examples ``(R, batch)``; return the loss of each run."""
        loss = self.batch_losses(*self.data.gather(index))
        self.network.zero_grad()
        # Replicas share nothing, so the gradient of the sum is that of each.
        torch.autograd.backward(loss.sum())
        self.penalties.add_gradients()
        for optimiser in self.optimisers:
            optimiser.step()
        return loss.detach()

    def state(self) -> dict[str, Any]:
        """Return all that changes from epoch to epoch: tensors and plain data."""
        return {
            "network": self.network.state_dict(),
            "optimisers": [o.state_dict() for o in self.optimisers],
            "generators": get_states([*self.orders, *self.masks]),
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what :meth:`state` gave."""
        self.network.load_state_dict(state["network"])
        for optimiser, values in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(values)
        set_states([*self.orders, *self.masks], state["generators"])

    def digest(self) -> str:
        """Return a digest of all that the result depends on."""
        data = self.data
        runs = [[run.seed, run.penalty and asdict(run.penalty)] for run in self.runs]
        settings = [asdict(self.network.architecture), asdict(self.training), runs]
        examples = [data.x, data.y, *([] if data.weights is None else [data.weights])]
        arrays = [*(t.cpu().numpy() for t in examples), *data.rows]
        arrays += data.validation or []
        return digest([*settings, str(self.device), self.compiled], arrays)

    def finished(self) -> Network:
        """Return the network with its inputs in their own order, on the CPU."""
        first = self.network.first
        first.present = self.network.inputs
        first.permute_inputs(torch.argsort(self.data.order).to(self.device))
        return self.network.eval().cpu()


class Epoch:
    """An epoch that has been trained, for those who watch.

    Parameters
    ----------
    number : int
        Which one, counted from 1.
    loss : Tensor, shape (R,)
        Mean loss of each run over the epoch's batches, without the penalty.
    trainer : Trainer
        What is trained.
    """

    def __init__(self, number: int, loss: Tensor, trainer: Trainer) -> None:
        self.number = number
        self.loss = loss
        self._trainer = trainer

    @cached_property
    def validation(self) -> tuple[Tensor, Tensor] | None:
        """Loss and metric of each run on its validation rows; None without any."""
        if (examples := self._trainer.data.validating) is None:
            return None
        x, y, weights = examples
        outputs = predict(self._trainer.network, x)
        kind = self._trainer.training.loss
        return losses(outputs, y, kind, weights), measure(outputs, y, weights)

    @cached_property
    def relevance(self) -> Tensor:
        """Relevance of each input in each run, shape ``(R, d)``."""
        order = self._trainer.data.order.to(self._trainer.device)
        return self._trainer.network.relevance()[:, torch.argsort(order)]

    def record(self) -> pd.DataFrame:
        """Return a row of the history for each run.

        Raises
        ------
        Diverged
            If the loss of one is not finite.
        """
        for run, value in enumerate(self.loss.tolist()):
            if not np.isfinite(value):
                seed = self._trainer.runs[run].seed
                raise Diverged(run, self.number, value, f"run {run} (seed {seed})")
        largest = self.relevance.amax(1, keepdim=True)
        columns = {"run": range(len(self.loss)), "epoch": self.number}
        columns["loss"] = self.loss.tolist()
        if self.validation is not None:
            columns["validation_loss"] = self.validation[0].tolist()
            columns["validation_metric"] = self.validation[1].tolist()
        above = self.relevance > SMALL * largest
        columns["inputs_above_1_percent"] = above.sum(1).tolist()
        return pd.DataFrame(columns)


def shuffled_batches(
    rows: Sequence[Rows],
    steps: int,
    batch_size: int,
    generators: Sequence[np.random.Generator],
) -> Tensor:
    """Return one epoch of example indices, shape ``(steps, R, batch_size)``.

    The rows of each run are shuffled by its own generator. What exceeds the steps is
    left out.
    """
    kept = steps * batch_size
    order = np.stack(
        [
            own[generator.permutation(len(own))[:kept]]
            for own, generator in zip(rows, generators, strict=True)
        ]
    )
    batches = order.reshape(len(rows), steps, batch_size).swapaxes(0, 1)
    return torch.from_numpy(np.ascontiguousarray(batches))


def _torch_generator(stream: np.random.SeedSequence) -> torch.Generator:
    seed = int(stream.generate_state(1, np.uint64)[0])
    return torch.Generator().manual_seed(seed)

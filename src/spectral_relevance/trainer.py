"""The state of a training, and one epoch of it."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from spectral_relevance.adam import Adam
from spectral_relevance.arrays import Rows
from spectral_relevance.capture import Captured
from spectral_relevance.checkpoint import digest, get_states, set_states
from spectral_relevance.errors import UserError
from spectral_relevance.evaluation import losses, measure, predict
from spectral_relevance.examples import Examples
from spectral_relevance.hardware import (
    can_compile,
    compiled,
    has_compiler,
    tracing_gradients,
)
from spectral_relevance.masks import Masks
from spectral_relevance.networks import Architecture, Network
from spectral_relevance.penalty import shares
from spectral_relevance.runs import Run, Training
from spectral_relevance.step import Batch, Group, Loss, whole_step
from spectral_relevance.stopping import Best

CACHED = 2**17
"""Numbers of a replica's step above which replicas of a compiled step take turns.

Half of a second-level cache of 1 MiB. Below, the calls outweigh what the cache gains.
"""

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

    On the CPU, a compiled step of all but small networks is taken for one replica after
    the other, so that what it works on stays in the cache; else all replicas take it
    together. On a GPU it is captured once and replayed, and nothing of it passes
    through the host.

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
        self.network = Network(data.inputs, architecture, len(runs))
        self.network.reset_parameters([_torch_generator(s[0]) for s in streams])
        self.network.first.permute_inputs(data.order)
        self.network.first.present = data.present
        self.network.to(device).train()
        penalties = shares(self.network, [run.penalty for run in runs], training.ridge)
        parameters = dict(self.network.named_parameters())
        self.adam = Adam(parameters, penalties, training.learning_rate)
        self.masks = Masks(
            np.stack([stream[2].generate_state(2, np.uint64) for stream in streams]),
            [(layer.features, layer.rate) for layer in self.network.dropouts()],
            training.batch_size,
            device,
        )
        self.compiled = training.compile and can_compile(device)
        on_cpu = device.type == "cpu"
        together = len(runs)
        if self.compiled and on_cpu:
            together = compiled_together(self.network, training.batch_size)
        self.loss = Loss(self.network, together, training.loss)
        self.groups = [
            self._group(slice(first, first + together))
            for first in range(0, len(runs), together)
        ]
        self.step = whole_step(self.loss, training.learning_rate)
        if self.compiled:
            self.step = compiled(self.step)
        elif on_cpu:
            self.step = _fused_step(self.loss, self.adam)
        self.total = torch.zeros(len(runs), device=device)
        self.best = None
        if training.patience is not None:
            if data.validation is None:
                raise UserError(
                    "Training.patience: expected validation rows for all runs, found "
                    "none.",
                    "Run(..., validation=rows) names them.",
                )
            self.best = Best(self.network, training.patience)

    def _group(self, rows: slice) -> Group:
        """Return views of some of the replicas."""
        buffers = dict(self.network.named_buffers())
        statistics = [buffers[name][rows] for name in self.loss.statistics]
        scale = None if self.data.weights is None else self.data.scale[rows]
        return Group(rows, self.adam.of_replicas(rows), statistics, scale)

    @torch.no_grad()
    def train_epoch(self) -> Tensor:
        """Train one epoch and return the mean loss of each run, shape ``(R,)``."""
        size = self.training.batch_size
        batches = shuffled_batches(self.data.rows, self.steps, size, self.orders)
        with tracing_gradients() if self.training.compile else nullcontext():
            if self.device.type == "cpu":
                for index in batches:
                    self._take_step(index)
            else:
                self._launch_steps(batches)
        mean = self.total / self.steps
        self.total.zero_()
        return mean

    def _take_step(self, index: Tensor) -> None:
        """Take a step on the CPU on the examples ``(R, batch)``."""
        masks = self.masks.of_step(int(self.adam.count))
        corrections = self.adam.start_step()
        for group in self.groups:
            rows = group.rows
            batch = self._batch(index[rows], [mask[rows] for mask in masks])
            self.total[rows] += self.step(batch, group, corrections)

    def _launch_steps(self, batches: Tensor) -> None:
        """Let a device take the steps of an epoch; nothing here waits for them."""
        on_gpu = self.device.type == "cuda"
        # From pinned memory, copying goes on beside the steps that are left.
        held = batches.pin_memory() if on_gpu else batches
        self._batches.copy_(held, non_blocking=True)
        self._place.zero_()
        for _ in range(len(batches)):
            self._launch()

    @cached_property
    def _launch(self) -> Callable[[], None]:
        """Take a step of which nothing passes through the host."""
        make_masks = self.masks.of_step
        # Hundreds of operations on integers, also where the step itself is too much.
        if self.training.compile and has_compiler(self.device):
            make_masks = torch.compile(make_masks, dynamic=False)
        (group,) = self.groups

        def step() -> None:
            index = self._batches.index_select(0, self._place).squeeze(0)
            masks = make_masks(self.adam.count)
            corrections = self.adam.start_step()
            self.total += self.step(self._batch(index, masks), group, corrections)
            self._place += 1

        return Captured(step) if self.device.type == "cuda" else step

    @cached_property
    def _batches(self) -> Tensor:
        """The examples of each step of an epoch, where the device finds them."""
        shape = (self.steps, len(self.runs), self.training.batch_size)
        return torch.empty(shape, dtype=torch.int64, device=self.device)

    @cached_property
    def _place(self) -> Tensor:
        """The number of the step within its epoch, counted on the device."""
        return torch.zeros(1, dtype=torch.int64, device=self.device)

    def _batch(self, index: Tensor, masks: list[Tensor]) -> Batch:
        return Batch(self.data.x, self.data.y, self.data.weights, index, masks)

    def keep_best(self, epoch: "Epoch") -> bool:
        """Keep what an epoch has improved, and return whether to end early."""
        if self.best is None or epoch.validation is None:
            return False
        return self.best.update(epoch.number, epoch.validation[0], self.network)

    def state(self) -> dict[str, Any]:
        """Return all that changes from epoch to epoch: tensors and plain data."""
        return {
            "best": self.best and self.best.state(),
            "network": self.network.state_dict(),
            "adam": self.adam.state(),
            "generators": get_states(self.orders),
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what :meth:`state` gave."""
        self.network.load_state_dict(state["network"])
        self.adam.set_state(state["adam"])
        set_states(self.orders, state["generators"])
        if self.best is not None:
            self.best.set_state(state["best"])

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
        if self.best is not None:
            self.best.restore(self.network)
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

    @property
    def least(self) -> Tensor | None:
        """Validation loss of each run in the epoch that early stopping keeps so far."""
        best = self._trainer.best
        return None if best is None else best.loss

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
            If the loss of one is not finite, or never was on its validation rows where
            the best epoch is to be kept.
        """
        found = self.loss if self.least is None else self.loss.maximum(self.least)
        for run, value in enumerate(found.tolist()):
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


def _fused_step(
    loss: Loss, adam: Adam
) -> Callable[[Batch, Group, tuple[Tensor, Tensor]], Tensor]:
    """Return a function that takes one step of all replicas by torch's own Adam.

    As a method of the trainer it would let it hold itself, and all its memory until
    garbage is collected.
    """

    def step(batch: Batch, group: Group, corrections: tuple[Tensor, Tensor]) -> Tensor:
        each, gradients = loss.gradients(batch, group)
        adam.fused_step(gradients, corrections)
        return each

    return step


def compiled_together(network: Network, batch_size: int) -> int:
    """Return how many replicas take a compiled step together on the CPU."""
    widths = [layer.out_features for layer in network.linears()]
    activations = batch_size * (network.first.present + sum(widths))
    parameters = sum(p[0].numel() for p in network.parameters())
    touched = activations + 4 * parameters  # with their gradient and moments
    return 1 if touched > CACHED else network.replicas


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

"""Eigenvalues as factors of layer-wise relevance propagation (section 3, eq. 4–7).

With w_kj = λ_j φ_kj in the first layer, the relevance of input j is λ_j times an
expression that contains λ_j no more but in the sums over all inputs: without condition
for LRP-0 and LRP-ε, and for LRP-γ as long as λ_j ≥ 0.
"""

from copy import deepcopy
from typing import NamedTuple

import pandas as pd
import torch
from torch import Tensor, nn

from spectral_relevance.errors import UserError
from spectral_relevance.explainers.shared import lrp
from spectral_relevance.explainers.shared.examples import CHUNK, draw
from spectral_relevance.layers import SpectralLinear
from spectral_relevance.replication.datasets.base import Datasets
from spectral_relevance.replication.models import Replicas


class Rule(NamedTuple):
    """A rule of propagation.

    Attributes
    ----------
    hook : BasicHook
        As zennit applies it to a layer.
    epsilon, gamma : float
        As the prediction needs it.
    """

    hook: lrp.BasicHook
    epsilon: float
    gamma: float


def lrp_theory(
    datasets: Datasets,
    replicas: Replicas,
    *,
    examples: int | None,
    epsilon: float,
    gamma: float,
) -> pd.DataFrame:
    """Compare relevances by zennit with λ_j times the expression without λ_j.

    (λ_j, φ_·j) and (−λ_j, −φ_·j) are the same layer. In the case `positive` the signs
    are chosen such that no λ_j is negative, in the case `negative` such that every
    second one is. The network, and with it what is measured, is the same in both.

    Parameters
    ----------
    datasets : Datasets
        The examples that the replicas were trained on.
    replicas : Replicas
        Trained replicas; the seed of each is that of its choice of examples.
    examples : int or None
        How many test examples are averaged; None for all of them.
    epsilon, gamma : float
        Settings of LRP-ε and of LRP-γ.

    Returns
    -------
    DataFrame
        ``variant``, ``seed``, ``case``, ``rule``, ``level``, ``feature``,
        ``eigenvalue``, ``measured``, ``predicted``. The level `local` is one example,
        `global` the mean over all of them; relevances have signs.

    Raises
    ------
    UserError
        If the first layer is not spectral.
    """
    rules = {
        "lrp_0": Rule(lrp.rules.Epsilon(lrp.EXACT), 0, 0),
        "lrp_epsilon": Rule(lrp.rules.Epsilon(epsilon), epsilon, 0),
        "lrp_gamma": Rule(lrp.rules.Gamma(gamma, lrp.EXACT), 0, gamma),
    }
    tables = []
    for index, (variant, seed) in enumerate(replicas.runs()):
        model = _in_double_precision(replicas.network.replica(index))
        dataset = datasets.of(variant, seed)
        x, target = draw(model, dataset, seed, examples)
        for name, rule in rules.items():
            measured, received = _measured(model, x, target, rule)
            for case, layer in _gauges(model[0]).items():
                predicted = _predicted(layer, x, received, rule)
                for level, part in (("local", slice(1)), ("global", slice(None))):
                    table = {
                        "variant": variant,
                        "seed": seed,
                        "case": case,
                        "rule": name,
                        "level": level,
                        "feature": dataset.features,
                        "eigenvalue": layer.eigenvalues.numpy(),
                        "measured": measured[part].mean(0).numpy(),
                        "predicted": predicted[part].mean(0).numpy(),
                    }
                    tables.append(pd.DataFrame(table))
    return pd.concat(tables, ignore_index=True)


def _in_double_precision(model: nn.Sequential) -> nn.Sequential:
    """Return a model whose first weights are λ_j φ_kj without rounding to float32."""
    if not isinstance(model[0], SpectralLinear):
        raise UserError(
            "expected a network with a spectral first layer, found a standard one.",
            "layer-wise relevances have eigenvalues as factors only in the former.",
        )
    return model.double().requires_grad_(False)


def _gauges(layer: SpectralLinear) -> dict[str, SpectralLinear]:
    """Return the same layer with all λ_j ≥ 0, and with every second λ_j ≤ 0."""
    alternating = torch.ones_like(layer.eigenvalues)
    alternating[1::2] = -1
    return {
        "positive": _with_signs(layer, torch.ones_like(alternating)),
        "negative": _with_signs(layer, alternating),
    }


def _with_signs(layer: SpectralLinear, signs: Tensor) -> SpectralLinear:
    """Return the same layer with eigenvalues of given signs."""
    flips = torch.where(layer.eigenvalues < 0, -signs, signs)
    result = deepcopy(layer)
    result.eigenvalues *= flips
    result.eigenvectors *= flips
    return result


def _measured(
    model: nn.Sequential, x: Tensor, target: Tensor, rule: Rule
) -> tuple[Tensor, Tensor]:
    """Return what the inputs and what the units of the first hidden layer receive.

    Returns
    -------
    Tensor, shape (n, N0)
        The relevances R_j of the inputs for each example.
    Tensor, shape (n, N1)
        The relevances R_k of the units, before the first layer divides them.
    """
    network = lrp.canonical(model)
    first, rest = network[:2], network[2:]
    inputs, units = [], []
    for chunk, wanted in zip(x.split(CHUNK), target.split(CHUNK), strict=True):
        inputs.append(lrp.propagate(network, chunk, wanted, rule.hook)[0])
        hidden = first(chunk).detach()
        units.append(lrp.propagate(rest, hidden, wanted, rule.hook)[0])
    return torch.cat(inputs), torch.cat(units)


def _predicted(
    layer: SpectralLinear, x: Tensor, received: Tensor, rule: Rule
) -> Tensor:
    """Return λ_j times the expression without λ_j for each example, shape ``(n, N0)``.

    Eq. 5 and 6: R_j = λ_j Σ_k ρ(a_j φ_kj) / (Σ_j' ρ(a_j' w_kj') + ε sign z_k) · R_k,
    where the sum over j' includes the bias. As in zennit, ρ(c) = c + γ c for those
    contributions c that have the sign of z_k, and c for the others. For a_j ≥ 0 and
    z_k > 0 it is the a_j ρ(w) of the paper, with ρ(w) = w + γ max(w, 0).
    """
    rows = []
    for a, relevance in zip(x, received, strict=True):
        z = layer(a)
        sign = torch.where(z < 0, -1.0, 1.0).to(z)[:, None]

        def rho(c: Tensor, sign: Tensor = sign) -> Tensor:
            return torch.where(c * sign > 0, (1 + rule.gamma) * c, c)

        total = rho(a * layer.weight).sum(1) + rho(layer.bias[:, None])[:, 0]
        share = relevance / lrp.EXACT(total + rule.epsilon * sign[:, 0])
        without_eigenvalue = share @ rho(a * layer.eigenvectors)
        rows.append(layer.eigenvalues * without_eigenvalue)
    return torch.stack(rows)

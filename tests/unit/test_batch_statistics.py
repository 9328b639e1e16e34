"""Re-estimated batch normalisation against NumPy, layer by layer."""

import numpy as np
import pytest
import torch

from spectral_relevance.batch_statistics import reestimated
from spectral_relevance.evaluation import CHUNK, predict
from spectral_relevance.networks import Architecture, Hidden, Network

LAYERS = [
    Hidden(6, "tanh", batch_norm=True, dropout=0.3),
    Hidden(4, "relu", batch_norm=True),
]
EPSILON = 1e-3


@pytest.fixture
def network(generator) -> Network:
    network = Network(5, Architecture(LAYERS, outputs=2), replicas=3)
    network.reset_parameters([generator] * 3)
    return network.eval()


def explicit(network: Network, replica: int, x: np.ndarray, x_train: np.ndarray):
    """Return the outputs of a replica that normalises by the training inputs."""
    for layer, linear in enumerate(network.linears()):
        w = (linear.eigenvalues[replica] * linear.eigenvectors[replica]).detach()
        w, b = w.double().numpy(), linear.bias[replica].detach().double().numpy()
        x, x_train = x @ w.T + b, x_train @ w.T + b
        if layer < 2:
            function = [np.tanh, lambda z: np.maximum(z, 0)][layer]
            x, x_train = function(x), function(x_train)
            mean, variance = x_train.mean(0), x_train.var(0)
            x = (x - mean) / np.sqrt(variance + EPSILON)
            x_train = (x_train - mean) / np.sqrt(variance + EPSILON)
    return x


@pytest.mark.parametrize("own", [False, True], ids=["shared", "own"])
@pytest.mark.parametrize("masked", [False, True])
def test_statistics_are_those_of_the_examples(network, rng, own, masked):
    shape = (3, CHUNK + 9, 5) if own else (CHUNK + 9, 5)
    x_train = rng.normal(2, 3, size=shape).astype(np.float32)
    x = rng.normal(size=(7, 5)).astype(np.float32)
    mask = rng.integers(0, 2, size=(3, 5)).astype(np.float32) if masked else None
    before = [v.clone() for v in network.state_dict().values()]
    given = None if mask is None else torch.from_numpy(mask)
    found = reestimated(network, torch.from_numpy(x_train), given)
    outputs = predict(found, torch.from_numpy(x), given).numpy()
    for r in range(3):
        kept = mask[r] if masked else 1
        seen = (x_train[r] if own else x_train) * kept
        expected = explicit(network, r, x * kept, seen)
        np.testing.assert_allclose(outputs[r], expected, rtol=1e-4, atol=1e-4)
    after = network.state_dict().values()
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_without_batch_normalisation_nothing_changes(rng):
    network = Network(5, Architecture([Hidden(4)], outputs=2), replicas=2)
    network.reset_parameters([torch.Generator().manual_seed(s) for s in (1, 2)])
    x = torch.from_numpy(rng.normal(size=(9, 5)).astype(np.float32))
    assert torch.equal(predict(reestimated(network, x), x), predict(network, x))

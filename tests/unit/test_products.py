"""Products in every layout, by whichever library, against explicit ones."""

import numpy as np
import pytest
import torch

from spectral_relevance import products
from spectral_relevance.products import Product, SpectralProduct, product

ONEDNN = pytest.mark.skipif(
    not hasattr(torch.ops.mkldnn, "_linear_pointwise"), reason="torch without oneDNN"
)


@pytest.fixture(params=["MKL", pytest.param("oneDNN", marks=ONEDNN)])
def library(request, monkeypatch):
    """Either library, on whatever processor."""
    operator = None
    if request.param == "oneDNN":
        operator = torch.ops.mkldnn._linear_pointwise
    monkeypatch.setattr(products, "_onednn", operator)


@pytest.mark.parametrize("shape", [(60, 80, 110), (1, 40, 9), (200, 32, 200)], ids=str)
@pytest.mark.parametrize("replicas", [0, 1, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_products_in_all_layouts(library, rng, shape, replicas, dtype):
    m, k, n = shape
    a, b = (rng.normal(size=(replicas, *s)) for s in ((m, k), (k, n)))
    expected = np.einsum("rij,rjk->rik", a, b)
    tolerance = 1e-12 if dtype == torch.float64 else 1e-4
    left, right = (torch.from_numpy(factor).to(dtype) for factor in (a, b))
    for one in (left, left.mT.contiguous().mT):
        for other in (right, right.mT.contiguous().mT):
            found = product(one, other)
            assert found.shape == (replicas, m, n) and found.dtype == dtype
            np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


def test_large_products_alone_go_to_onednn(monkeypatch):
    asked = []

    def record(a, b, *_):
        asked.append((tuple(a.shape), tuple(b.shape)))
        return a @ b.T

    monkeypatch.setattr(products, "_onednn", record)
    for m, k, n in ((100, 100, 100), (100, 15, 1000), (10, 100, 100)):
        product(torch.ones(2, m, k), torch.ones(2, k, n))
    assert asked == [((100, 100), (100, 100))] * 2
    monkeypatch.setattr(products, "_onednn", None)
    product(torch.ones(2, 100, 100), torch.ones(2, 100, 100))
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("maker", "wanted"), [("GenuineIntel", False), ("AuthenticAMD", True), ("", True)]
)
def test_processors_of_intel_have_mkl(monkeypatch, maker, wanted):
    monkeypatch.setattr(products, "_maker", lambda: maker)
    for name in ("mkldnn", "mkl"):
        monkeypatch.setattr(getattr(torch.backends, name), "is_available", lambda: True)
    assert (products._find_onednn() is not None) == wanted
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: False)
    assert products._find_onednn() is None


@pytest.mark.parametrize("n", [3, 9], ids=["few examples", "many examples"])
def test_gradients_are_those_of_autograd(library, rng, n):
    """In a size for oneDNN, in single precision, against autograd in double."""
    r, d, h = 2, 300, 200
    n *= 50
    arrays = [rng.normal(size=s) for s in ((r, 1, d), (r, h, d), (r, d, n))]
    slope = rng.normal(size=(r, h, n))

    def gradients(function, dtype):
        tensors = [torch.from_numpy(a).to(dtype).requires_grad_() for a in arrays]
        y = function(*tensors)
        total = (y * torch.from_numpy(slope)).sum()
        return [y.detach(), *torch.autograd.grad(total, tensors)]

    def compare(function, explicit):
        found = gradients(function, torch.float32)
        for one, other in zip(found, gradients(explicit, torch.float64), strict=True):
            scale = other.abs().max()
            np.testing.assert_allclose(one / scale, other / scale, rtol=0, atol=1e-5)

    compare(SpectralProduct.apply, lambda v, w, x: (v * w) @ x)
    compare(lambda v, w, x: Product.apply(v * w, x), lambda v, w, x: (v * w) @ x)

"""STUB until the public layer is merged."""

import copy
import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class SpectralLinear(nn.Linear):
    def __init__(self, in_features, out_features, bias=True, device=None, dtype=None):
        nn.Module.__init__(self)
        kw = {"device": device, "dtype": dtype}
        self.in_features, self.out_features = in_features, out_features
        self.eigenvalues = nn.Parameter(torch.ones(in_features, **kw))
        self.eigenvectors = nn.Parameter(torch.empty(out_features, in_features, **kw))
        self.bias = nn.Parameter(torch.zeros(out_features, **kw))
        self.out_eigenvalues = None
        s = math.sqrt(6 / (in_features + out_features))
        nn.init.uniform_(self.eigenvectors, -s, s)

    @property
    def weight(self) -> Tensor:
        return self.eigenvalues * self.eigenvectors

    def relevance(self) -> Tensor:
        with torch.no_grad():
            return self.eigenvalues.abs() * self.eigenvectors.norm(dim=0)

    def forward(self, x):
        return functional.linear(x, self.weight, self.bias)

    def to_linear(self):
        kw = {"device": self.bias.device, "dtype": self.bias.dtype}
        linear = nn.Linear(self.in_features, self.out_features, **kw)
        with torch.no_grad():
            linear.weight.copy_(self.weight)
            linear.bias.copy_(self.bias)
        return linear


def standard(model: nn.Module) -> nn.Module:
    if isinstance(model, SpectralLinear):
        return model.to_linear().train(model.training)
    model = copy.deepcopy(model)
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, SpectralLinear):
                setattr(module, name, child.to_linear().train(child.training))
    return model

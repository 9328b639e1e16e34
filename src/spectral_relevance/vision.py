"""torchvision, importable beside a torch without its compiled operators.

A torchvision built for CUDA finds no CUDA libraries beside a CPU-only torch. Its
extension then loads nothing, and the import ends with "operator torchvision::nms does
not exist", although reading MNIST needs no operator at all. Where that happens, the two
schemas that the import asks for are declared without an implementation and the import
is made once more. A torchvision that works by itself is left alone.
"""

import sys
from typing import Any

import torch

from spectral_relevance.errors import extra

try:
    with extra("explain"):
        import torchvision
except RuntimeError as _error:
    if "operator torchvision::" not in str(_error):
        raise
    for _name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[_name]
    # The schemas live as long as this object does.
    _library: Any = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for _operator in ("nms", "qnms"):
        _library.define(
            f"{_operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        )
    import torchvision

__all__ = ["torchvision"]

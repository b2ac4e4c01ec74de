"""Every loss of the table as an autograd function of PyTorch: ``lacuna.torch.hill(z, y).backward()``.

``z`` are logits, ``y`` labels of the same shape: 1, 0, and NaN for unknown cells (or another value, stated with ``unknown=``). Value
and gradient come from lacuna's kernels, which compute in 32 bits on the CPU: tensors of other types and devices are converted there
and back. A second derivative is not there. Parameters are those of :mod:`lacuna.losses`; a loss that keeps state between batches or
epochs is a :class:`Loss`.
"""

from . import _torch
from ._torch import Loss

globals().update(_torch.FUNCTIONS)

__all__ = ["Loss", *_torch.FUNCTIONS]

"""What the functions of :mod:`lacuna.torch` are made of."""

from __future__ import annotations

from typing import Any, Callable

import torch
from torch.autograd.function import once_differentiable

from . import _losses


class _Evaluate(torch.autograd.Function):
    """Value forward, the gradient that came with it backward."""

    @staticmethod
    def forward(ctx: Any, loss: _losses.Loss, y: Any, keywords: dict[str, Any], *z: torch.Tensor) -> torch.Tensor:
        arrays = [part.detach().to("cpu", torch.float32).numpy() for part in z]
        value, gradients = loss(arrays if len(arrays) > 1 else arrays[0], y, **keywords)
        gradients = gradients if len(arrays) > 1 else [gradients]
        ctx.save_for_backward(
            *(torch.from_numpy(gradient).to(part.device, part.dtype) for gradient, part in zip(gradients, z))
        )
        return torch.tensor(value, dtype=z[0].dtype, device=z[0].device)

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[Any, ...]:
        return (None, None, None, *(grad * gradient for gradient in ctx.saved_tensors))


class Loss(torch.nn.Module):
    """A loss with its parameters and its state, for a training loop: as :class:`lacuna.losses.Loss`, on tensors.

    ::

        loss = lacuna.torch.Loss("splc")
        for epoch in range(epochs):
            loss.begin_epoch(epoch)
            for z, y in batches:
                loss(z, y, epoch=epoch).backward()
    """

    def __init__(self, name: str, **keywords: Any) -> None:
        super().__init__()
        self.loss = _losses.Loss(name, **keywords)

    def forward(self, z: Any, y: Any, **keywords: Any) -> torch.Tensor:
        """The loss as a tensor of one number; ``epoch``, ``step``, ``sample_ids``, ``soft`` and ``mix`` as in the functions."""
        parts = list(z) if isinstance(z, (list, tuple)) else [z]
        found: torch.Tensor = _Evaluate.apply(self.loss, y, keywords, *parts)
        return found

    def begin_epoch(self, epoch: int) -> None:
        """To be called before the first batch of an epoch, counted from 0."""
        self.loss.begin_epoch(epoch)

    def end_epoch(self, epoch: int, z: Any, y: Any) -> None:
        """Shows a loss that writes labels the logits of all training rows after an epoch. Row i has sample id i."""
        self.loss.end_epoch(epoch, z, y)

    def get_extra_state(self) -> dict[str, list[float]]:
        """The state of the loss, for ``state_dict``."""
        return self.loss.state_dict()

    def set_extra_state(self, state: dict[str, list[float]]) -> None:
        """Takes back what :meth:`get_extra_state` gave."""
        if state:
            self.loss.load_state_dict(state)

    def extra_repr(self) -> str:
        """Name of the loss."""
        return self.loss.name


def _function(row: dict[str, Any]) -> Callable[..., torch.Tensor]:
    def function(z: Any, y: Any, **keywords: Any) -> torch.Tensor:
        loss, of_call = _losses.split(row, keywords, _losses.columns(z))
        parts = list(z) if isinstance(z, (list, tuple)) else [z]
        found: torch.Tensor = _Evaluate.apply(loss, y, of_call, *parts)
        return found

    name = _losses.python_name(row["name"])
    function.__name__ = function.__qualname__ = name
    function.__module__ = "lacuna.torch"
    function.__doc__ = _losses.describe(row, tensors=True)
    function.__signature__ = _losses.signature(row)  # type: ignore[attr-defined]
    return function


#: The functions by name.
FUNCTIONS = {name: _function(row) for name, row in _losses.ROWS.items()}

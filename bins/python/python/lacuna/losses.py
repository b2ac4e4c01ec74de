"""Every loss of the table as a function on NumPy arrays: ``value, gradient = lacuna.losses.hill(z, y)``.

``z`` are logits, ``y`` labels of the same shape: 1, 0, and NaN for unknown cells (or another value, stated with ``unknown=``).
The computation is in 32 bits, and the gradient is an array of float32. ``help(lacuna.losses.hill)`` has the formula, the paper and
the parameters; ``lacuna.losses.names()`` lists all. A loss that keeps state between batches or epochs is a :class:`Loss`.
"""

from . import _losses
from ._losses import Loss, class_statistics, names

globals().update(_losses.FUNCTIONS)

__all__ = ["Loss", "class_statistics", "names", *_losses.FUNCTIONS]

"""Multi-label learning with missing labels, on NumPy arrays.

- :class:`MissingLabelClassifier`: a scikit-learn estimator whose labels may be unknown (NaN, None or a value that you state).
- :func:`audit`, :class:`Report`: labels that are probably missing, or wrong, ranked; as a page too.
- :mod:`lacuna.losses`, :mod:`lacuna.torch`: every loss, on arrays and as autograd functions.
- :mod:`lacuna.metrics`, :mod:`lacuna.masks`: metrics with their convention, and protocols that hide labels.
- :func:`read`, :func:`load`: files of features and labels in every format, and heads that the program `lacuna` saved.
"""

from __future__ import annotations

from . import losses
from ._errors import DataError, FileError
from ._native import __version__, simd

__all__ = [
    "DataError",
    "FileError",
    "__version__",
    "losses",
    "simd",
]

"""Multi-label learning with missing labels, on NumPy arrays.

- :class:`MissingLabelClassifier`: a scikit-learn estimator whose labels may be unknown (NaN, None or a value that you state).
- :func:`audit`, :class:`Report`: labels that are probably missing, or wrong, ranked; as a page too.
- :mod:`lacuna.losses`, :mod:`lacuna.torch`: every loss, on arrays and as autograd functions.
- :mod:`lacuna.metrics`, :mod:`lacuna.masks`: metrics with their convention, and protocols that hide labels.
- :func:`read`, :func:`load`: files of features and labels in every format, and heads that the program ``lacuna`` saved.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ._errors import DataError, FileError
from ._native import __version__, simd

if TYPE_CHECKING:
    from . import losses, masks, metrics
    from ._audit import Report, audit
    from ._estimator import MissingLabelClassifier, load
    from ._read import Data, formats, read

__all__ = [
    "Data",
    "DataError",
    "FileError",
    "MissingLabelClassifier",
    "Report",
    "__version__",
    "audit",
    "formats",
    "load",
    "losses",
    "masks",
    "metrics",
    "read",
    "simd",
]

#: Where names live that are imported when they are asked for: scikit-learn and pandas take a second.
_PLACES = {
    "Data": "._read",
    "MissingLabelClassifier": "._estimator",
    "Report": "._audit",
    "audit": "._audit",
    "formats": "._read",
    "load": "._estimator",
    "read": "._read",
}
_MODULES = "losses", "masks", "metrics", "torch"


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f".{name}", __name__)
    if name in _PLACES:
        found = getattr(importlib.import_module(_PLACES[name], __name__), name)
        globals()[name] = found
        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "torch"})

"""Features and names as users have them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._errors import DataError


def features(X: Any) -> NDArray[np.float32]:
    """Features as 32-bit numbers, C-contiguous; an array that is that already is not copied."""
    if hasattr(X, "detach"):
        X = X.detach().cpu().numpy()
    if hasattr(X, "toarray"):
        raise DataError("X is sparse, and dense features are needed: X.toarray(), if it fits into memory")
    found = np.asarray(X)
    if np.iscomplexobj(found):
        raise DataError("Complex data not supported")
    if found.ndim != 2:
        raise DataError(f"X: expected a matrix of rows x features, found an array of shape {found.shape}. Reshape your data")
    rows, columns = found.shape
    if rows == 0:
        raise DataError(f"Found array with 0 sample(s) (shape={found.shape}) while a minimum of 1 is required.")
    if columns == 0:
        raise DataError(f"Found array with 0 feature(s) (shape={found.shape}) while a minimum of 1 is required.")
    try:
        return np.ascontiguousarray(found, np.float32)
    except (TypeError, ValueError) as error:
        raise DataError(f"X: {error}") from error


def picture(X: Any) -> tuple[Any, list[int] | None]:
    """Pictures of rows x channels x height x width as rows, and the size of one."""
    shape: tuple[int, ...] = getattr(X, "shape", ())
    if len(shape) != 4:
        return X, None
    return np.asarray(X).reshape(shape[0], -1), [int(size) for size in shape[1:]]


def column_names(Y: Any) -> list[str] | None:
    """Names of the columns of a data frame."""
    names = getattr(Y, "columns", None)
    return None if names is None else [str(name) for name in names]


def index_names(X: Any) -> list[str] | None:
    """Names of the rows of a data frame whose index is not a count."""
    index = getattr(X, "index", None)
    if index is None or callable(index) or type(index).__name__ == "RangeIndex":
        return None
    return [str(name) for name in index]

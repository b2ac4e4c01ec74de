"""Labels as users have them: 1, 0 and a value for unknown cells, which is stated and never guessed."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._errors import DataError

Codes = NDArray[np.int8]


def is_stated(unknown: Any) -> bool:
    """Whether the value of unknown cells is a number, and not NaN or None."""
    return not (unknown is None or (isinstance(unknown, numbers.Real) and float(unknown) != float(unknown)))


def dense(y: Any) -> NDArray[Any]:
    """Anything that looks like a matrix as an array: a sparse matrix has zeros where it has no entry."""
    if hasattr(y, "toarray"):
        y = y.toarray()
    if hasattr(y, "detach"):
        y = y.detach().cpu()
        y = y.float() if str(y.dtype) == "torch.bfloat16" else y
        return np.asarray(y.numpy())
    return np.asarray(y)


def label_codes(y: Any, unknown: Any = np.nan, *, what: str = "labels") -> Codes:
    """Labels as 1, 0 for unknown and -1 for negative, C-contiguous.

    Positive is 1. Negative is 0, unless 0 is the value of unknown cells: then it is -1.
    """
    cells = dense(y)
    if cells.ndim != 2:
        raise DataError(_not_a_matrix(cells, what))
    if np.iscomplexobj(cells):
        raise DataError(f"Complex data not supported: {what} are 1, 0 and a value for unknown cells")
    if cells.dtype.kind in "OSUT":
        cells = _numbers(cells, what)
    codes = np.zeros(cells.shape, np.int8)
    missing = cells != cells
    stated = is_stated(unknown)
    if stated:
        if not isinstance(unknown, numbers.Real):
            raise DataError(f"unknown={unknown!r}: expected NaN, None or a number")
        value = float(unknown)
        if value == 1.0:
            raise DataError("unknown=1: 1 is a positive label; expected NaN, None or another number")
        known = cells != value
        _refuse(missing, cells, what, f"{value:g} was stated as the value of unknown cells, and NaN as nothing: unknown=numpy.nan?")
        negative = -1 if value == 0.0 else 0
    else:
        known, negative = ~missing, 0
    positive = known & (cells == 1)
    is_negative = known & (cells == negative)
    codes[positive] = 1
    codes[is_negative] = -1
    other = known & ~positive & ~is_negative
    if other.any():
        expected = f"1, {negative} and {unknown if stated else 'NaN'} for unknown"
        hint = "" if stated else "; another value of unknown cells is stated with unknown=..."
        continuous = cells.dtype.kind == "f" and (np.floor(cells[other]) != cells[other]).any()
        kind = "Unknown label type: continuous; " if continuous else ""
        _refuse(other, cells, what, f"{kind}expected {expected}{hint}")
    return codes


def _not_a_matrix(cells: NDArray[Any], what: str) -> str:
    start = f"Unknown label type: {what} is an array of shape {cells.shape}, and a matrix of rows x classes is needed"
    if cells.ndim == 1 and len(set(cells.tolist())) > 2:
        return (
            f"{start}. Only binary classification is supported, of each class by itself: where classes exclude each other, "
            "sklearn.preprocessing.label_binarize(y, classes=...) makes a matrix of them"
        )
    return f"{start}. Reshape your data: {what}.reshape(-1, 1) is one class"


def _refuse(wrong: NDArray[np.bool_], cells: NDArray[Any], what: str, why: str) -> None:
    if wrong.any():
        row, column = np.unravel_index(int(np.argmax(wrong)), wrong.shape)
        raise DataError(f"{what}: row {row}, class {column} (counted from 0) is {cells[row, column]}: {why}")


def _numbers(cells: NDArray[Any], what: str) -> NDArray[np.float64]:
    """Objects as numbers, with NaN for None and for pandas' NA."""
    found = np.empty(cells.shape, np.float64)
    for place, value in np.ndenumerate(cells):
        if value is None or type(value).__name__ == "NAType":
            found[place] = np.nan
        elif isinstance(value, (numbers.Real, np.bool_)):
            found[place] = float(value)
        else:
            raise DataError(
                f"{what}: row {place[0]}, class {place[1]} (counted from 0) is {value!r}: "
                "expected 1, 0 and NaN, None or a stated value for unknown"
            )
    return found


def from_codes(codes: Codes, unknown: Any = np.nan) -> NDArray[np.float32]:
    """Codes as 1, 0 and the value of unknown cells."""
    cells: NDArray[np.float32] = (codes > 0).astype(np.float32)
    if not is_stated(unknown):
        cells[codes == 0] = np.nan
    else:
        cells[codes == 0] = unknown
        if unknown == 0:
            cells[codes < 0] = -1
    return cells

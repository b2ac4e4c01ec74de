"""What the functions of :mod:`lacuna.masks` are made of."""

from __future__ import annotations

import inspect
from typing import Any, Callable, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import _native
from ._errors import DataError
from ._labels import Codes, dense, from_codes, label_codes

Row = dict[str, Any]


class Masked(NamedTuple):
    """What a protocol made."""

    #: Observed labels of the rows that are left: 1, 0, and NaN for unknown.
    labels: NDArray[np.float32]
    #: Rows that are left, ascending; all of them for a mask.
    rows: NDArray[np.intp]
    #: The order in which batches that are never shuffled visit the rows, where the protocol has one.
    order: NDArray[np.intp] | None


def _truth(y: Any) -> Codes:
    codes = label_codes(y, what="Y")
    if not codes.all():
        row, column = np.argwhere(codes == 0)[0]
        raise DataError(f"Y: row {row}, class {column} (counted from 0) is unknown, and a protocol needs true labels")
    return codes


def apply(name: str, y: Any, *, seed: int | None = None, X: Any = None, unknown: Any = np.nan, **settings: float) -> Masked:
    """Applies the protocol of this name, as it stands in specifications or in Python.

    ``unknown`` is the value that unknown cells get; ``X`` are features, which ``instance-drop`` needs.
    """
    row = ROWS.get(name.replace("-", "_"))
    if row is None:
        raise DataError(f"there is no protocol `{name}`; there are {', '.join(ROWS)}")
    known = {setting["name"] for setting in row["settings"]}
    for setting in settings:
        if setting not in known:
            there = ", ".join(sorted(known)) or "none"
            raise DataError(f"{row['name']} has no setting `{setting}`; there are {there}")
    features = None if X is None else np.ascontiguousarray(dense(X), np.float32)
    values = {setting: float(value) for setting, value in settings.items()}
    rows, codes, order = _native.mask(row["name"], _truth(y), values, seed=seed, x=features)
    return Masked(
        from_codes(codes, unknown), np.asarray(rows, np.intp), None if order is None else np.asarray(order, np.intp)
    )


def summary(truth: Any, observed: Any, *, unknown: Any = np.nan) -> dict[str, Any]:
    """What is hidden of labels: counts, and for each class the share of its positives that is observed (``keep_rates``)."""
    found = _native.mask_summary(_truth(truth), label_codes(observed, unknown))
    found["keep_rates"] = np.asarray(found["keep_rates"])
    return found


def holdout(rows: int, *, share: float = 0.2, seed: int | None = None) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows that train and rows that validate, drawn without looking at labels.

    Source: Cole et al., CVPR 2021, datasets.py, seed 1200.
    """
    train, val = _native.holdout(rows, share=share, seed=seed)
    return np.asarray(train, np.intp), np.asarray(val, np.intp)


def stratified(
    y: Any, *, folds: int | None = None, share: float = 0.2, seed: int = 0
) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Splits into training and validation rows that keep the share of every class; one split where ``folds`` is None.

    Source: Sechidis, Tsoumakas and Vlahavas, ECML PKDD 2011.
    """
    found = _native.stratified(_truth(y), folds=folds, share=share, seed=seed)
    return [(np.asarray(train, np.intp), np.asarray(val, np.intp)) for train, val in found]


def names() -> list[str]:
    """Names of all protocols that make labels, as functions of this module."""
    return list(ROWS)


def describe(row: Row) -> str:
    """The documentation of a row."""
    lines = [row["doc"], "", f"Source: {row['source']}.", "", "Parameters", "----------", "y : true labels, 1 and 0"]
    lines += [f"{s['name']} : default {s['default']:g}\n    {s['doc']}" for s in row["settings"]]
    lines += [f"seed : default {row['seed']}", "X : features of the same rows, for protocols that look at them"]
    lines += ["unknown : value of unknown cells, default NaN", "", "Returns", "-------"]
    lines += ["Masked : labels, rows and order" if row["role"] == "select" else "observed labels : float32"]
    return "\n".join(lines)


def signature(row: Row) -> inspect.Signature:
    """The signature of the function of a row."""
    keyword = inspect.Parameter.KEYWORD_ONLY
    given = [inspect.Parameter("y", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
    given += [inspect.Parameter(s["name"], keyword, default=s["default"]) for s in row["settings"]]
    given += [inspect.Parameter(n, keyword, default=v) for n, v in (("seed", None), ("X", None), ("unknown", np.nan))]
    return inspect.Signature(given)


def _function(row: Row) -> Callable[..., Any]:
    def function(y: Any, **keywords: Any) -> Any:
        found = apply(row["name"], y, **keywords)
        return found if row["role"] == "select" else found.labels

    function.__name__ = function.__qualname__ = row["name"].replace("-", "_")
    function.__module__ = "lacuna.masks"
    function.__doc__ = describe(row)
    function.__signature__ = signature(row)  # type: ignore[attr-defined]
    return function


#: The rows of the table by their Python name.
ROWS: dict[str, Row] = {
    row["name"].replace("-", "_"): row for row in _native.protocol_table() if row["role"] != "split"
}

#: The functions by name.
FUNCTIONS = {name: _function(row) for name, row in ROWS.items()}

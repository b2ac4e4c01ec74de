"""Features and labels from files in every format."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _native
from ._errors import DataError
from ._labels import from_codes

PathLike = str | os.PathLike[str]


@dataclass
class Data:
    """What was read: features, labels of the same rows, and names, where the files have them."""

    #: rows x features, or None.
    features: NDArray[np.float32] | None
    #: rows x classes: 1, 0 and NaN for unknown; or None.
    labels: NDArray[np.float32] | None
    row_names: list[str] | None
    class_names: list[str] | None
    #: Channels, height and width, where the rows are pictures.
    image: list[int] | None
    notes: list[str] = field(default_factory=list)


def read(
    path: PathLike | None = None,
    *,
    labels: PathLike | None = None,
    names: PathLike | None = None,
    part: str = "train",
    complete: bool = False,
    unlisted: str | None = None,
    convention: str | None = None,
    match: str | None = None,
    format: str | None = None,
    features: str | None = None,
    test: PathLike | None = None,
    test_labels: PathLike | None = None,
    test_names: PathLike | None = None,
    test_unlisted: str | None = None,
    label_separator: str | None = None,
    classes: list[str] | None = None,
    ignore_columns: list[str] | None = None,
    id_column: str | None = None,
    positive_above: float | None = None,
    missing_features: str | None = None,
) -> Data:
    """Reads features and labels as the program ``lacuna`` does: every format, rows joined by name where both sides have names.

    Labels that may be incomplete and do not say so are refused, with what has to be stated: ``complete=True`` (every cell was looked
    at), ``unlisted='unknown'`` or ``'negative'`` (what a class is that a list does not name), ``convention='binary-an'`` (0 is unknown),
    ``'spml'`` (1, 0 unknown, -1 negative) or ``'csl'`` (1, 0 negative, -1 unknown).

    Parameters
    ----------
    path : file or folder of features, or of both; or the name of an embedded set, 'openclipart'. None reads ``labels`` alone
    labels : file of labels, or the name of an array in ``path``
    names : file with the names of the rows of ``path``
    part : 'train' or 'test'
    match : 'name' or 'row': how rows of features and labels find each other
    format : where the name of the file does not say it; see :func:`formats`
    features : which features, where a folder has several
    test, test_labels, test_names, test_unlisted : the same for test rows
    label_separator, classes, ignore_columns, id_column, positive_above : for tables
    missing_features : 'mean', 'zero' or 'drop-rows'
    """
    if path is None and labels is None:
        raise DataError("nothing to read: name a file of features, or labels=")
    if part not in ("train", "test"):
        raise DataError(f"part={part!r}: expected 'train' or 'test'")
    if complete and (unlisted is not None or convention is not None):
        raise DataError("complete=True says what unlisted= and convention= say otherwise: give one of them")
    given: dict[str, Any] = {
        "path": path,
        "labels": labels,
        "names": names,
        "unlisted": unlisted,
        "label_convention": convention,
        "match": match,
        "format": format,
        "features": features,
        "test": test,
        "test_labels": test_labels,
        "test_names": test_names,
        "test_unlisted": test_unlisted,
        "label_separator": label_separator,
        "classes": classes,
        "ignore_columns": ignore_columns,
        "id_column": id_column,
        "positive_above": positive_above,
        "missing_features": missing_features,
    }
    source = {
        key: os.fspath(value) if isinstance(value, os.PathLike) else value
        for key, value in given.items()
        if value is not None
    }
    found = _native.read(json.dumps(source), complete, part == "test")
    codes = found.get("labels")
    return Data(
        features=found.get("features"),
        labels=None if codes is None else from_codes(codes),
        row_names=found["row_names"],
        class_names=found["class_names"],
        image=found["image"],
        notes=found["notes"],
    )


def formats() -> dict[str, str]:
    """The formats that are read, with one sentence each."""
    return dict(_native.format_table())

"""Labels that are probably missing, or wrong."""

from __future__ import annotations

import os
from typing import Any, Callable

import numpy as np

from . import _native
from ._arrays import column_names, features, index_names
from ._errors import DataError
from ._labels import from_codes, label_codes
from ._progress import Shown
from ._table import table

_ANSWERS = {True: "yes", False: "no", None: "skip", "yes": "yes", "no": "no", "skip": "skip", "y": "yes", "n": "no"}


def _answer(given: Any) -> str:
    try:
        found = _ANSWERS.get(bool(given) if isinstance(given, np.bool_) else given)
    except TypeError:
        found = None
    return str(given) if found is None else found


class Report:
    """An audit of labels: cells that are unknown or negative, ranked by how suspicious it is that they are.

    Models that have not seen a row score its cells, and rows that look alike have a vote. Scores rank, they are no probabilities:
    how many of the first cells are really missing, a few answers tell (:meth:`ask`), and they certify a list.

    ::

        report = lacuna.Report(X, Y)
        report.table(100)
        report.ask(200)
        while (cell := report.question()) is not None:
            report.answer(looks_like(cell["row"], cell["class"]))     # True, False, or None to skip
        report.table()                                                # the certified list
        report.to_html("list.html")

    Parameters
    ----------
    X, Y : rows x features, rows x classes; labels as for :class:`lacuna.MissingLabelClassifier`
    unknown : value of unknown cells
    rows, classes : names; by default those of data frames
    loss, folds, seed : of the models
    threads, progress : as for :class:`lacuna.MissingLabelClassifier`
    name : of the data, for the page
    """

    def __init__(
        self,
        X: Any,
        Y: Any,
        *,
        unknown: Any = np.nan,
        rows: Any = None,
        classes: Any = None,
        loss: str = "auto",
        folds: int = 5,
        seed: int = 0,
        threads: int | None = None,
        progress: Any = "auto",
        name: str = "data",
    ) -> None:
        self.name = name
        self._unknown, self._seed = unknown, seed
        self._row_names = index_names(X) if rows is None else [str(row) for row in rows]
        self._class_names = column_names(Y) if classes is None else [str(label) for label in classes]
        x, codes = features(X), label_codes(Y, unknown, what="Y")
        for names, size, what in ((self._row_names, len(x), "rows"), (self._class_names, codes.shape[1], "classes")):
            if names is not None and len(names) != size:
                raise DataError(f"{what}: {len(names)} names for {size} {what}")
        with Shown(progress) as shown:
            self._native = _native.audit(
                _native.Settings(loss, seed=seed),
                x,
                codes,
                folds=folds,
                seed=seed,
                rows=self._row_names,
                classes=self._class_names,
                threads=threads,
                progress=shown,
            )

    def __len__(self) -> int:
        """Number of cells that are unknown or negative."""
        return len(self._native)

    @property
    def notes(self) -> list[str]:
        """What was chosen and why, one sentence each."""
        return self._native.notes

    @property
    def sentences(self) -> list[str]:
        """What is known about the list, in plain words."""
        return self._native.sentences(False)

    @property
    def expected_positives(self) -> float:
        """Expected number of positives of a row, labelled and hidden: the parameter ``expected_positives`` of losses."""
        return self._native.expected_positives

    def hidden_positives(self) -> Any:
        """How many positives each class hides among its unknown and negative cells: an estimate with a band of 90 %.

        It assumes that labelled positives score as hidden ones do, which a bias towards conspicuous positives violates.
        """
        found: list[Any] = list(zip(*self._native.hidden_positives)) or [[]] * 6
        names, numbers, *rest = found
        keys = "cells", "expected", "lower", "upper"
        return table(
            {"class": self._of_classes(numbers, names), **{k: np.asarray(v) for k, v in zip(keys, rest)}}
        )

    def table(self, top: int | None = None) -> Any:
        """The list: rank, row, class, label, score and reason.

        Without answers the first ``top`` cells, 1,000 by default. Where questions were asked, the list that the answers certify, with
        ``probability`` of each cell and ``precision``, the estimated share of right entries up to it. A data frame where pandas is
        installed, else a dict of arrays. ``row`` and ``class`` are names, or numbers from 0 where there are none.
        """
        if self._asked():
            return self._table(self._native.certified(top), probabilities=True)
        return self._table(self._native.top(1000 if top is None else top, False))

    def wrong(self, top: int = 1000) -> Any:
        """Labelled positives that are probably wrong, the most suspicious first; nobody knows how many of them are."""
        return self._table(self._native.top(top, True))

    def ask(
        self,
        answers: int = 200,
        *,
        fdr: float = 0.1,
        confidence: float = 0.95,
        seed: int | None = None,
        stored: Any = (),
    ) -> Report:
        """Begins to ask about ``answers`` cells; the answers certify a list of which at most the share ``fdr`` is wrong.

        ``stored`` are the :attr:`answers` of an earlier session on the same audit.
        """
        seed = self._seed if seed is None else seed
        self._native.ask(answers, fdr, confidence, seed, [(int(rank), _answer(said)) for rank, said in stored])
        return self

    def question(self) -> dict[str, Any] | None:
        """The cell that is asked about next: row, class, label, score and reason; None where all is answered."""
        line = self._native.question()
        if line is None:
            return None
        rank, row, label, row_name, class_name, code, score, reason, _ = line
        return {
            "rank": rank,
            "row": row_name if self._row_names is not None else row,
            "class": class_name if self._class_names is not None else label,
            "label": _given(code),
            "score": score,
            "reason": reason,
        }

    def answer(self, given: Any) -> None:
        """Answers the question: True or 'yes' if the label is missing, False or 'no' if not, None or 'skip'."""
        self._native.answer(_answer(given))

    def undo(self) -> bool:
        """Takes the last answer back; whether there was one."""
        return self._native.undo()

    def review(self, decide: Callable[[dict[str, Any]], Any], answers: int = 200, **settings: Any) -> Report:
        """Asks ``decide`` about ``answers`` cells; it answers True, False or None."""
        self.ask(answers, **settings)
        while (cell := self.question()) is not None:
            self.answer(decide(cell))
        return self

    @property
    def answers(self) -> list[tuple[int, str]]:
        """The answers so far: rank from 0, and 'yes', 'no' or 'skip'."""
        return self._native.answers()

    def certificate(self) -> dict[str, Any]:
        """What the answers certify: cells, confirmed, wrong_at_most, fdr, confidence, answers, complete."""
        return self._native.certificate()

    def estimates(self) -> Any:
        """Estimated, not certified: the share of missing labels among the first cells, with its interval."""
        found: list[Any] = list(zip(*self._native.estimates())) or [[]] * 4
        return table({key: np.asarray(column) for key, column in zip(("first", "precision", "low", "high"), found)})

    def corrected(self, top: int | None = None) -> np.ndarray[Any, np.dtype[np.float32]]:
        """The labels with the certified list as positives, and what was answered with no as negatives.

        ``top`` takes the first cells of the ranking in their place, of which nobody knows how many are wrong.
        """
        return from_codes(self._native.corrected(top), self._unknown)

    def to_html(
        self,
        path: str | os.PathLike[str],
        *,
        top: int = 1000,
        wrong: bool = False,
        images: str | os.PathLike[str] | None = None,
        replace: bool = False,
    ) -> None:
        """Writes the list as a page without scripts; pictures of the folder ``images`` that are called as the rows are linked."""
        folder = None if images is None else os.fspath(images)
        self._native.to_html(os.fspath(path), self.name, top, wrong, folder, replace)

    def _asked(self) -> bool:
        try:
            self._native.certificate()
        except ValueError:
            return False
        return True

    def _of_classes(self, numbers: Any, names: Any) -> Any:
        return np.asarray(numbers, np.intp) if self._class_names is None else np.asarray(names, object)

    def _table(self, lines: list[Any], *, probabilities: bool = False) -> Any:
        columns: list[Any] = list(zip(*lines)) or [[]] * 9
        ranks, rows, classes, row_names, class_names, codes, scores, reasons, probability = columns
        found = {
            "rank": np.asarray(ranks, np.intp),
            "row": np.asarray(rows, np.intp) if self._row_names is None else np.asarray(row_names, object),
            "class": self._of_classes(classes, class_names),
            "label": np.asarray([_given(code) for code in codes], object),
            "score": np.asarray(scores, np.float32),
            "reason": np.asarray(reasons, object),
        }
        if probabilities:
            of = np.asarray(probability, np.float64)
            found["probability"] = of
            found["precision"] = np.cumsum(of) / np.arange(1, len(of) + 1)
        return table(found)


def _given(code: int) -> str:
    return {1: "positive", 0: "unknown", -1: "negative"}[code]


def audit(X: Any, Y: Any, *, top: int | None = None, wrong: bool = False, **keywords: Any) -> Any:
    """Labels that are probably missing, as a table: rank, row, class, label, score and reason, the most suspicious first.

    With ``wrong=True`` labelled positives that are probably wrong. ``top`` is the number of lines, 1,000 by default. The other arguments
    are those of :class:`Report`, which also asks questions, certifies a list and writes a page.
    """
    report = Report(X, Y, **keywords)
    if wrong:
        return report.wrong(1000 if top is None else top)
    return report.table(top)

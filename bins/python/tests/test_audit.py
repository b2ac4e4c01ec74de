"""The audit: its table, its questions, its page."""

from __future__ import annotations

import numpy as np
import pytest

import lacuna


def test_lost_labels_come_first(drawn):
    x, truth, y = drawn
    pytest.importorskip("pandas")
    found = lacuna.audit(x, y, top=20)
    assert list(found.columns) == ["rank", "row", "class", "label", "score", "reason"]
    assert found["rank"].tolist() == list(range(1, 21)) and found["score"].is_monotonic_decreasing
    assert truth[found["row"], found["class"]].mean() > 0.9
    assert np.isnan(y[found["row"], found["class"]]).any()
    assert found["reason"].str.contains("nearest rows").all()


def test_names_are_those_of_frames(drawn):
    pandas = pytest.importorskip("pandas")
    x, _, y = drawn
    rows = [f"{i}.jpg" for i in range(len(x))]
    found = lacuna.audit(pandas.DataFrame(x, index=rows), pandas.DataFrame(y, columns=["cat", "dog", "owl"]), top=5)
    plain = lacuna.audit(x, y, top=5)
    assert found["row"].tolist() == [f"{i}.jpg" for i in plain["row"]]
    assert found["class"].tolist() == [["cat", "dog", "owl"][i] for i in plain["class"]]
    given = lacuna.audit(x, y, top=5, rows=rows, classes=["cat", "dog", "owl"])
    assert given.equals(found)
    with pytest.raises(lacuna.DataError, match="rows: 2 names for 240 rows"):
        lacuna.audit(x, y, rows=["a", "b"])


def test_wrong_labels_come_first(drawn):
    x, truth, _ = drawn
    y = truth.copy()
    flipped = np.flatnonzero(x[:, 0] < -1)[:8]
    y[flipped, 0] = 1
    found = lacuna.audit(x, y, wrong=True, top=10)
    assert len(set(found["row"][:10]) & set(flipped)) >= 6
    assert set(found["label"]) == {"positive"}


def test_answers_certify_a_list(drawn):
    x, truth, y = drawn
    report = lacuna.Report(x, y, name="signs")
    assert "probability" not in report.table(5) and "precision" not in report.table(5)
    with pytest.raises(lacuna.DataError, match="nothing was asked yet"):
        report.certificate()
    report.ask(60)
    cell = report.question()
    assert cell is not None and {"row", "class", "reason"} <= set(cell)
    report.answer("skip")
    assert len(report.answers) == 1 and report.undo() and report.answers == []
    report.review(lambda cell: bool(truth[cell["row"], cell["class"]]), 60)
    assert report.question() is None and report.certificate()["complete"]
    with pytest.raises(lacuna.DataError, match="all questions are answered"):
        report.answer(True)
    table = report.table()
    assert len(table) == report.certificate()["cells"] > 20
    wrong = 1 - truth[table["row"], table["class"]].mean()
    assert wrong <= 0.1
    assert np.all((table["probability"] >= 0) & (table["probability"] <= 1))
    assert abs(table["precision"].iloc[-1] - (1 - wrong)) < 0.15
    corrected = report.corrected()
    assert (corrected[table["row"], table["class"]] == 1).all() and np.isnan(corrected).sum() < np.isnan(y).sum()
    again = lacuna.Report(x, y).ask(60, stored=report.answers)
    assert again.certificate() == report.certificate()
    assert any("at most 10 % are wrong" in sentence for sentence in report.sentences)
    with pytest.raises(lacuna.DataError, match='unknown answer "perhaps"'):
        again.undo()
        again.answer("perhaps")
    assert len(report.estimates()) >= 1


def test_corrected_labels_need_answers_or_a_number(drawn):
    x, _, y = drawn
    report = lacuna.Report(x, y)
    with pytest.raises(lacuna.DataError, match="nobody knows how many are wrong"):
        report.corrected()
    assert (report.corrected(top=10) == 1).sum() == (y == 1).sum() + 10
    with pytest.raises(lacuna.DataError, match="questions are not answered"):
        report.ask(50).corrected()


def test_hidden_positives(drawn):
    x, truth, y = drawn
    y = np.where(truth == 1, y, np.nan)
    report = lacuna.Report(x, y)
    found = report.hidden_positives()
    assert list(found.columns) == ["class", "cells", "expected", "lower", "upper"]
    assert ((found["lower"] <= found["expected"]) & (found["expected"] <= found["upper"])).all()
    assert 0 < report.expected_positives < 3
    assert len(report) == int(np.isnan(y).sum()) + int((y == 0).sum())
    assert report.notes


def test_the_page_is_one_file_without_scripts(drawn, tmp_path):
    x, _, y = drawn
    images = tmp_path / "images"
    images.mkdir()
    rows = ["<script>alert(1)</script>" if i == 0 else f"{i}.jpg" for i in range(len(x))]
    for name in rows[1:]:
        (images / name).write_bytes(b"x")
    path = tmp_path / "list.html"
    report = lacuna.Report(x, y, rows=rows, name="a < b")
    report.to_html(path, images=images)
    text = path.read_text()
    assert text.startswith("<!doctype html>") and "<script" not in text and "a &lt; b" in text
    assert 'src="images/' in text and "Report.ask" in text
    with pytest.raises(lacuna.FileError, match="the file exists"):
        report.to_html(path)
    report.to_html(str(path), wrong=True, replace=True)
    assert "probably wrong" in path.read_text()
    with pytest.raises(OSError):
        report.to_html(tmp_path / "no folder" / "list.html")


def test_refusals(drawn):
    x, _, y = drawn
    for keywords, sentence in (
        ({"folds": 1}, "invalid number of folds 1"),
        ({"loss": "hil"}, "did you mean `hill`"),
    ):
        with pytest.raises(lacuna.DataError, match=sentence):
            lacuna.audit(x, y, **keywords)
    with pytest.raises(lacuna.DataError, match="240 rows of features and 3 rows of labels"):
        lacuna.audit(x, y[:3])
    with pytest.raises(lacuna.DataError, match="row 5, column 2"):
        broken = x.copy()
        broken[5, 2] = np.nan
        lacuna.audit(broken, y)

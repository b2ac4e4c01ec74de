"""The wheel and the program `lacuna` are the same library."""

from __future__ import annotations

import json
import subprocess

import numpy as np
import pytest

import lacuna


def run(program, *arguments: object) -> None:
    subprocess.run([str(program), *map(str, arguments)], check=True, capture_output=True)


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        ({}, []),
        ({"loss": "an", "weight_decay": 3.0, "seed": 2}, ["--loss", "an", "--weight-decay", "3", "--seed", "2"]),
        ({"loss": "hill", "loss_params": {"margin": 0.5}, "epochs": 4}, ["--loss", "hill", "--set", "margin=0.5", "--epochs", "4"]),
        (
            {"loss": "wan", "head": "mlp:8", "transform": "l2", "epochs": 3},
            ["--loss", "wan", "--head", "mlp:8", "--transform", "l2", "--epochs", "3"],
        ),
        ({"loss": "hill", "head": "cosine", "epochs": 3}, ["--loss", "hill", "--head", "cosine", "--epochs", "3"]),
    ],
)
def test_heads_are_the_same_bytes(program, drawn, tmp_path, settings, options):
    x, _, y = drawn
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", np.where(np.isnan(y), -1, y).astype(np.int8))
    run(
        program, "train", "--features", tmp_path / "x.npy", "--labels", tmp_path / "y.npy", "--label-convention", "csl",
        "--out", tmp_path / "program", *options,
    )  # fmt: skip
    # The program numbers classes without names as "class 0"; here the columns of a frame are the names.
    frame = pytest.importorskip("pandas").DataFrame(y, columns=[f"class {c}" for c in range(3)])
    found = lacuna.MissingLabelClassifier(**settings).fit(x, frame)
    found.save(tmp_path / "wheel")
    for name in ("head.safetensors", "head.json"):
        assert (tmp_path / "program" / name).read_bytes() == (tmp_path / "wheel" / name).read_bytes(), name
    loaded = lacuna.load(tmp_path / "program")
    assert (loaded.predict_proba(x) == found.predict_proba(x)).all()
    assert loaded.loss_ == found.loss_ and loaded.model_.head == found.model_.head
    run(program, "predict", "--model", tmp_path / "wheel", "--features", tmp_path / "x.npy", "--out", tmp_path / "p.npy")
    assert (np.load(tmp_path / "p.npy") == found.predict_proba(x)).all()
    with pytest.raises(lacuna.FileError, match="exists"):
        found.save(tmp_path / "wheel")
    found.save(tmp_path / "wheel", replace=True)


def test_weights_on_real_features_are_the_same_bytes(program, ucmerced, tmp_path):
    data = lacuna.read(ucmerced)
    run(program, "train", ucmerced, "--out", tmp_path / "program")
    frame = pytest.importorskip("pandas").DataFrame(data.labels, columns=data.class_names)
    lacuna.MissingLabelClassifier().fit(data.features, frame).save(tmp_path / "wheel")
    assert (tmp_path / "program" / "head.safetensors").read_bytes() == (tmp_path / "wheel" / "head.safetensors").read_bytes()
    assert (tmp_path / "program" / "head.json").read_bytes() == (tmp_path / "wheel" / "head.json").read_bytes()


def test_lists_of_audits_are_the_same(program, drawn, tmp_path):
    x, _, y = drawn
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", np.where(np.isnan(y), -1, y).astype(np.int8))
    found = subprocess.run(
        [program, "audit", "--features", tmp_path / "x.npy", "--labels", tmp_path / "y.npy", "--label-convention", "csl", "--json"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    expected = json.loads(found.stdout)["entries"]
    table = lacuna.Report(x, y, classes=[f"class {c}" for c in range(3)])._native.top(1000, False)
    assert [(e["rank"], e["row"], e["class"], e["reason"]) for e in expected] == [(t[0], t[3], t[4], t[7]) for t in table]
    np.testing.assert_allclose([e["score"] for e in expected], [t[6] for t in table], rtol=1e-6)


def test_head_json_names_the_classes_of_a_frame(drawn, tmp_path):
    pandas = pytest.importorskip("pandas")
    x, _, y = drawn
    lacuna.MissingLabelClassifier("bce").fit(x, pandas.DataFrame(y, columns=["cat", "dog", "owl"])).save(tmp_path / "h")
    assert json.loads((tmp_path / "h" / "head.json").read_text())["classes"] == ["cat", "dog", "owl"]
    assert lacuna.load(tmp_path / "h").class_names_ == ["cat", "dog", "owl"]


def test_versions_are_the_same(program):
    found = subprocess.run([program, "--version"], check=True, capture_output=True, text=True).stdout
    assert lacuna.__version__ in found and lacuna.simd() in found, found


def test_broken_heads_are_refused(drawn, tmp_path):
    x, _, y = drawn
    lacuna.MissingLabelClassifier("bce").fit(x, y).save(tmp_path / "h")
    (tmp_path / "h" / "head.json").write_text("{}")
    with pytest.raises(lacuna.DataError, match="head.json"):
        lacuna.load(tmp_path / "h")
    with pytest.raises(lacuna.FileError, match="head.json"):
        lacuna.load(tmp_path / "nothing")

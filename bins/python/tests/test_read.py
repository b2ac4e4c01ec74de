"""Files in every format."""

from __future__ import annotations

import json

import numpy as np
import pytest

import lacuna


def test_lists_are_asked_about(tmp_path):
    path = tmp_path / "tags.csv"
    path.write_text("image,label\na.jpg,cat\na.jpg,dog\nb.jpg,cat\n")
    with pytest.raises(lacuna.DataError, match="unlisted='unknown' if only what was seen is listed"):
        lacuna.read(labels=path)
    found = lacuna.read(labels=path, unlisted="unknown")
    assert found.class_names == ["cat", "dog"] and found.row_names == ["a.jpg", "b.jpg"] and found.features is None
    np.testing.assert_array_equal(found.labels, [[1, 1], [1, np.nan]])
    for negative in ({"unlisted": "negative"}, {"complete": True}):
        np.testing.assert_array_equal(lacuna.read(labels=path, **negative).labels, [[1, 1], [1, 0]])


def test_numbers_are_asked_about(tmp_path):
    path = tmp_path / "y.npy"
    np.save(path, np.eye(4, dtype=np.int8))
    with pytest.raises(lacuna.DataError, match="no row has more than one positive.*complete=True"):
        lacuna.read(labels=path)
    assert np.isnan(lacuna.read(labels=path, convention="binary-an").labels).sum() == 12
    assert (lacuna.read(labels=path, complete=True).labels == np.eye(4)).all()
    np.save(path, np.array([[1, 0], [-1, 1]], np.int8))
    np.testing.assert_array_equal(lacuna.read(labels=path, convention="spml").labels, [[1, np.nan], [0, 1]])
    np.testing.assert_array_equal(lacuna.read(labels=path, convention="csl").labels, [[1, 0], [np.nan, 1]])
    with pytest.raises(lacuna.DataError, match="expected|unknown variant"):
        lacuna.read(labels=path, convention="coco")


def test_features_and_labels_are_joined_by_name(tmp_path):
    x = np.arange(6, dtype=np.float32).reshape(3, 2)
    np.save(tmp_path / "clip.npy", x)
    (tmp_path / "names.txt").write_text("a.jpg\nb.jpg\nc.jpg\n")
    (tmp_path / "tags.csv").write_text("image,label\nc.jpg,cat\na.jpg,dog\n")
    found = lacuna.read(
        tmp_path / "clip.npy", names=tmp_path / "names.txt", labels=str(tmp_path / "tags.csv"), unlisted="unknown"
    )
    place = {name: i for i, name in enumerate(found.row_names)}
    assert found.features[place["c.jpg"]].tolist() == [4, 5]
    assert found.labels[place["c.jpg"], found.class_names.index("cat")] == 1
    alone = lacuna.read(tmp_path / "clip.npy")
    assert (alone.features == x).all() and alone.labels is None


@pytest.mark.parametrize("name", ["x.npz", "x.csv", "x.jsonl", "x.txt", "x.libsvm", "x.json"])
def test_formats(tmp_path, name):
    path = tmp_path / name
    if name == "x.npz":
        np.savez(path, features=np.eye(2, dtype=np.float32), labels=np.array([[1, 0], [0, 1]]))
    else:
        path.write_text(
            {
                "x.csv": "image,cat,dog\na,1,0\nb,0,1\n",
                "x.jsonl": '{"image": "a", "labels": ["cat"]}\n{"image": "b", "labels": ["dog"]}\n',
                "x.txt": "a,0\nb,1\n",
                "x.libsvm": "0 0:1\n1 1:1\n",
                "x.json": json.dumps(
                    {
                        "images": [{"id": 1, "file_name": "a"}, {"id": 2, "file_name": "b"}],
                        "annotations": [
                            {"id": 1, "image_id": 1, "category_id": 1},
                            {"id": 2, "image_id": 2, "category_id": 2},
                        ],
                        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
                    }
                ),
            }[name]
        )
    own = name in ("x.npz", "x.libsvm")
    found = lacuna.read(path, complete=True) if own else lacuna.read(labels=path, complete=True)
    assert found.labels.tolist() == [[1, 0], [0, 1]]
    assert own == (found.features is not None)


def test_embedded_sets_and_parts():
    train, test = (lacuna.read("openclipart", part=part) for part in ("train", "test"))
    assert train.features.shape[1] == test.features.shape[1] and train.class_names == test.class_names
    assert len(train.features) == len(train.labels) > len(test.labels)
    assert "npy" in lacuna.formats() and len(lacuna.formats()) > 8


def test_real_features(ucmerced):
    found = lacuna.read(ucmerced)
    assert found.features.shape == (1680, 1280) and found.labels.shape == (1680, 17)
    assert found.class_names[0] == "airplane"
    assert np.isfinite(found.features).all()


def test_refusals(tmp_path):
    with pytest.raises(lacuna.FileError, match="no such file or folder"):
        lacuna.read(tmp_path / "nothing.npy")
    with pytest.raises(lacuna.DataError, match="nothing to read"):
        lacuna.read()
    with pytest.raises(lacuna.DataError, match="part='val'"):
        lacuna.read("openclipart", part="val")
    with pytest.raises(lacuna.DataError, match="give one of them"):
        lacuna.read("openclipart", complete=True, unlisted="unknown")
    broken = tmp_path / "x.npy"
    broken.write_bytes(b"\x93NUMPY\x01\x00")
    with pytest.raises(lacuna.DataError, match="x.npy"):
        lacuna.read(broken)
    np.save(tmp_path / "nan.npy", np.full((2, 2), np.nan, np.float32))
    with pytest.raises(lacuna.DataError, match="nan.npy"):
        lacuna.read(tmp_path / "nan.npy")

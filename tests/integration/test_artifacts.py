"""The model by its name: ``dvc artifacts get`` finds it in another checkout by a tag, as docs/predicting.md says."""

from pathlib import Path

import pytest

from helpers.pipeline_clone import Clone

pytestmark = pytest.mark.pipeline


def test_the_model_is_found_by_its_name_and_version(packed_clone: Clone, tmp_path: Path) -> None:
    clone = packed_clone.copy(tmp_path / "published")
    model = clone.root / "build" / "model"
    model.mkdir(parents=True)
    (model / "model.json").write_text("{}", "utf-8")  # what is in it does not matter to DVC
    (model / "model.safetensors").write_bytes(b"weights")
    clone.run("dvc", "commit", "--quiet", "--force", "train")
    clone.commit("Train")
    clone.run("git", "tag", "--annotate", "classifier@v1.0.0", "--message", "The first model")
    got = tmp_path / "got"
    clone.run("dvc", "artifacts", "get", str(clone.root), "classifier", "--rev", "v1.0.0", "--out", str(got))
    assert {path.name: path.read_bytes() for path in got.iterdir()} == {
        "model.json": b"{}",
        "model.safetensors": b"weights",
    }
    said = clone.run("dvc", "artifacts", "get", str(clone.root), "classifier", "--rev", "v2.0.0", status=None)
    assert "v2.0.0" in said

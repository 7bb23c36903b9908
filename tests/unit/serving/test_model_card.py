"""The card of an exported model says what the pipeline knows of it, and nothing where it knows nothing."""

import hashlib
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from dvc.repo import Repo

from lithoscope.config.yaml import parse_yaml
from lithoscope.serving.export import export_model
from lithoscope.serving.model_card import card_html, model_card
from lithoscope.serving.onnx_description import EVALUATION, OnnxDescription, load_onnx_description, source_digests
from lithoscope.serving.run_record import RunRecord, folder_md5, run_record

from helpers.exports import packed, saved
from helpers.made_up_settings import plain_architecture

CLASSES = ["basalt", "gneiss", "schist"]
DATASET = {
    "title": "Stones *of mine*",
    "citation": "A. Geologist (2026)",
    "rights": "ask me",
    "published": 2000,
    "synthetic": False,
}


def dvc_md5(folder: Path) -> str:
    """The hash that DVC itself gives a folder."""
    with Repo.init(str(folder.parent), no_scm=True, force=True) as repo:
        (stage,) = repo.add(str(folder))
        return str(stage.outs[0].hash_info.value)


@pytest.fixture
def root(tmp_path: Path, checkout: Path) -> Path:
    """A checkout with the committed figures, a model, and a lock that says they belong together."""
    root = tmp_path / "checkout"
    saved(root / "build" / "model", plain_architecture("cnn", 32, len(CLASSES), 0.5), CLASSES)
    shutil.copytree(checkout / "metrics", root / "metrics")
    shutil.copyfile(checkout / "params.yaml", root / "params.yaml")
    (root / "build" / "dataset.json").write_text(json.dumps(DATASET), encoding="utf-8")
    shutil.copytree(root / "build" / "model", tmp_path / "apart" / "model")
    figures = hashlib.md5((root / EVALUATION).read_bytes(), usedforsecurity=False).hexdigest()
    model = {"path": "build/model", "md5": dvc_md5(tmp_path / "apart" / "model")}
    stages = {"evaluate": {"deps": [model], "outs": [{"path": EVALUATION, "md5": figures}]}}
    (root / "dvc.lock").write_text(json.dumps({"stages": stages}), encoding="utf-8")
    return root


def exported(root: Path, **changes: Any) -> tuple[OnnxDescription, str]:
    target = root.parent / "export"
    description = export_model(root / "build" / "model", target, "fp32", packed(root / "arrays", 32, CLASSES))
    return replace(description, **changes), (target / "README.md").read_text(encoding="utf-8")


def front_matter(card: str) -> dict[str, Any]:
    found = re.match(r"---\n(.*?)\n---\n", card, re.DOTALL)
    assert found
    values = parse_yaml(found[1], "README.md")
    assert isinstance(values, dict)
    return values


def recorded(root: Path) -> RunRecord:
    record = run_record(root / "build" / "model")
    assert record is not None
    return record


def test_an_export_of_a_workspace_carries_its_figures_and_a_card(root: Path, checkout: Path) -> None:
    test = json.loads((checkout / EVALUATION).read_text(encoding="utf-8"))["test"]
    description, card = exported(root)
    accuracy, ends = description.figures["accuracy"], test["interval"]["accuracy"]
    assert accuracy == {**ends, "value": test["accuracy"], "n": test["n"], "split": "test", "name": "accuracy"}
    assert description.figures["macro_f1"]["value"] == test["macro"]["f1"]
    assert load_onnx_description(root.parent / "export").figures == description.figures
    assert f"| accuracy | {test['accuracy']:.3f} | {ends['low']:.3f} … {ends['high']:.3f} |" in card
    assert f"On {test['n']} photographs of the test split." in card
    for said in ("Stones \\*of mine\\*", "A. Geologist (2026)", "ask me", "of 2000 as published", description.onnx):
        assert said in card
    parameters = json.loads(card.partition("```json\n")[2].partition("\n```")[0])
    assert parameters["split"]["seed"] == 0
    assert "mirror" not in parameters  # it may be a place on somebody's machine


def test_hubs_read_the_front_matter(root: Path) -> None:
    description, card = exported(root)
    values = front_matter(card)
    assert values["pipeline_tag"] == "image-classification"
    (result,) = values["model-index"][0]["results"]
    assert result["task"] == {"type": "image-classification"}
    assert result["dataset"] == {"name": DATASET["title"], "type": description.dataset, "split": "test"}
    figures = {one["type"]: one["value"] for one in result["metrics"]}
    assert figures == {name: one["value"] for name, one in description.figures.items()}


def test_figures_of_other_weights_are_not_taken_for_the_models(root: Path) -> None:
    assert recorded(root).evaluation["n"] > 0
    weights = root / "build" / "model" / "model.safetensors"
    weights.write_bytes(weights.read_bytes() + b"\0")
    assert run_record(root / "build" / "model") is None


def test_altered_figures_are_not_taken_for_the_models(root: Path) -> None:
    text = (root / EVALUATION).read_text(encoding="utf-8")
    (root / EVALUATION).write_text(text.replace('"accuracy": 0.', '"accuracy": 0.9'), encoding="utf-8")
    assert run_record(root / "build" / "model") is None


def test_a_model_away_from_its_run_says_that_nothing_is_known(root: Path) -> None:
    (root / "dvc.lock").unlink()
    description, card = exported(root)
    assert description.figures == {}
    assert "Nothing beside this model says how it was tested" in card
    assert "model-index" not in front_matter(card)


def test_a_synthetic_set_and_validation_figures_are_called_so(root: Path) -> None:
    evaluation = json.loads((root / EVALUATION).read_text(encoding="utf-8"))
    record = replace(recorded(root), split="validation", evaluation=evaluation["test"])
    description = replace(exported(root)[0], synthetic=True, looked={"onnx": 64 * "5"})
    card = model_card(description, record)
    assert "so the figures are too good" in card
    assert "synthetic, not photographs" in card
    assert f"covered feature maps to probabilities, which says what was looked at; SHA-256 `{64 * '5'}`" in card
    assert "synthetic" in front_matter(card)["tags"]


def test_an_export_is_made_anew_when_its_figures_are(root: Path) -> None:
    before = source_digests(root / "build" / "model", None)
    (root / EVALUATION).write_text('{"test": {}}', encoding="utf-8")
    assert source_digests(root / "build" / "model", None) != before


def test_the_hash_of_a_folder_is_dvcs(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    for name in ("b.txt", "a/z.txt", "a.txt", "a b/c.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name, encoding="utf-8")
    assert folder_md5(folder) == dvc_md5(folder)


def test_a_card_becomes_a_page_without_its_front_matter_and_with_no_markup_of_others() -> None:
    card = "---\nlicense: x\n---\n# <b>Stones</b>\n\n| a | b |\n| --- | --- |\n| 1 | [no](javascript:alert(1)) |\n"
    html = card_html(card)
    assert html.startswith("<h3>&lt;b&gt;Stones&lt;/b&gt;</h3>\n<table>")
    assert "license" not in html
    assert "href" not in html
    assert "<td>1</td>" in html

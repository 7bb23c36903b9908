"""How the page tells to find and repeat a run."""

import hashlib
from pathlib import Path

from lithoscope.reporting.inputs import Hashes
from lithoscope.reporting.page import render_page
from lithoscope.reporting.provenance_section import find_command

from helpers.made_up_run import DIGEST, make_run
from helpers.read_pages import Page, inputs_of, render, section


def test_the_three_hashes_are_shown_with_what_they_are_of(tmp_path: Path) -> None:
    inputs = inputs_of(tmp_path, make_run(tmp_path))
    weights = hashlib.sha256((tmp_path / "build/model/model.safetensors").read_bytes()).hexdigest()
    assert inputs.hashes.weights == weights
    text = Page(section(render_page(inputs), "find")).text
    assert f"Parameters the parameters that lead to the model {DIGEST}" in text
    assert f"Weights build/model/model.safetensors {weights}" in text
    assert f"Data the packed photographs, build/arrays {inputs.hashes.data}" in text


def test_the_command_and_the_search_name_the_hashes(tmp_path: Path) -> None:
    assert (
        find_command(Hashes("d", "p", "w")) == "lithoscope runs \\\n  --weights w \\\n  --parameters p \\\n  --data d"
    )
    part = section(render(tmp_path), "find")
    assert f"tags.`sha256.parameters` = &#39;{DIGEST}&#39; and tags.`sha256.weights` = &#39;" in part


def test_other_photographs_and_other_weights_have_other_hashes(tmp_path: Path) -> None:
    parameters = make_run(tmp_path)
    before = inputs_of(tmp_path, parameters).hashes
    (tmp_path / "build/model/model.safetensors").write_bytes(b"others")
    (tmp_path / "build/arrays/classes.json").write_text("[]")
    after = inputs_of(tmp_path, parameters).hashes
    assert before.weights != after.weights
    assert before.data != after.data


def test_every_parameter_stands_there_once(tmp_path: Path) -> None:
    parameters = make_run(tmp_path)
    part = section(render_page(inputs_of(tmp_path, parameters)), "repeat")
    for key in parameters:
        assert part.count(f'<th scope="row">{key}</th>') == 1

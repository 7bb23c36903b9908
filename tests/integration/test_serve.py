"""``lithoscope serve`` as a process: the same answers as ``predict``, what it loads, and how it starts and ends."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import requests
from PIL import Image

from lithoscope.cli import main as cli

from helpers.described_api import answered, asked_by_description
from helpers.exports import exported
from helpers.mutated_uploads import mutated_body

pytestmark = pytest.mark.slow
COMMAND = [
    sys.executable,
    "-c",
    "from lithoscope.cli.main import main; raise SystemExit(main())",
    "serve",
    "--port",
    "0",
]


class Served:
    """A running server."""

    def __init__(self, model: Path, *options: str, **environment: str) -> None:
        command = [*COMMAND, "--model", str(model), *options]
        env = {**os.environ, **environment}
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, cwd=model.parent
        )
        assert self.process.stdout is not None
        self.said = next(line for line in self.process.stdout if "http://" in line)
        self.address = re.findall(r"http://\S+/", self.said)[0]

    def ask(self, *paths: Path, **fields: str) -> Any:
        files = [("photographs", (path.name, path.read_bytes())) for path in paths]
        return requests.post(f"{self.address}predict", files=files, data=fields, timeout=60)

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        status = self.process.wait(40)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()
        return status


@pytest.fixture(scope="module")
def model(once: Callable[[str, Callable[[Path], None]], Path]) -> Path:
    def make(folder: Path) -> None:
        exported(folder, ["basalt", "gneiss"])

    return once("served", make) / "export"


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("photographs")
    random = np.random.default_rng(0)
    paths = []
    for number, kind in enumerate(["jpg", "png", "webp", "jpg"]):
        small = Image.fromarray(random.integers(0, 256, (9, 12, 3), dtype=np.uint8))
        paths.append(folder / f"{number}.{kind}")
        small.resize((600, 400), Image.Resampling.BICUBIC).save(paths[-1])
    return paths


@pytest.fixture(scope="module")
def served(model: Path) -> Iterator[Served]:
    server = Served(model)
    yield server
    assert server.end() == 0


def test_the_answers_are_those_of_predict_digit_for_digit(
    served: Served, model: Path, photographs: list[Path], tmp_path: Path
) -> None:
    table = tmp_path / "answers.jsonl"
    assert cli.main(["predict", *map(str, photographs), "--model", str(model), "--output", str(table)]) == 0
    wanted = [json.loads(line) for line in table.read_text(encoding="utf-8").splitlines()]
    rows = served.ask(*photographs).json()["predictions"]
    for row, expected in zip(rows, wanted, strict=True):
        assert (row["label"], row["confidence"]) == (expected["label"], expected["confidence"])
        assert row["probabilities"] == {name: expected[f"p_{name}"] for name in ("basalt", "gneiss")}


def test_the_model_says_what_it_is(served: Served, model: Path) -> None:
    about = requests.get(f"{served.address}model", timeout=10).json()
    described = json.loads((model / "model.json").read_text(encoding="utf-8"))
    assert about["classes"] == ["basalt", "gneiss"]
    assert about["sha256"]["onnx"] == described["onnx"]


def test_neither_torch_nor_mlflow_nor_dvc_is_loaded() -> None:
    code = (
        "import sys, lithoscope.cli.serve, lithoscope.serving.server.answering, lithoscope.serving.server.run\n"
        "import lithoscope.data.images.framed\n"
        "print(sorted({'torch', 'mlflow', 'dvc', 'pandas', 'scipy'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_it_does_what_its_description_says(served: Served, tmp_path: Path) -> None:
    report = asked_by_description(served.address.rstrip("/"), tmp_path, 5)
    assert (report["failures"], report["errors"]) == ([], [])
    assert (report["complete"], report["operations"]["tested"]) == (True, 5)
    assert all(answered(report, operation) for operation in ("POST /predict", "POST /evidence", "GET /model"))


def test_what_is_under_way_is_finished_before_it_ends(model: Path, photographs: list[Path]) -> None:
    server = Served(model)
    statuses: list[int] = []
    asked = [threading.Thread(target=lambda: statuses.append(server.ask(*photographs).status_code)) for _ in range(4)]
    for thread in asked:
        thread.start()
    while "under_way 4.0" not in requests.get(f"{server.address}metrics", timeout=10).text and len(statuses) < 4:
        time.sleep(0.001)
    assert server.end() == 0
    for thread in asked:
        thread.join()
    assert statuses == [200] * 4


def test_after_a_kill_it_starts_as_before(model: Path, photographs: list[Path]) -> None:
    Served(model).end(signal.SIGKILL)
    server = Served(model)
    assert server.ask(photographs[0]).status_code == 200
    assert server.end() == 0


def test_a_token_comes_from_the_environment_and_is_never_said(model: Path, photographs: list[Path]) -> None:
    server = Served(model, LITHOSCOPE_TOKEN="a token for this test")
    assert server.ask(photographs[0]).status_code == 401
    assert "a token" not in server.said
    assert server.end() == 0


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--model", "nowhere"], "nowhere: no trained model there"),
        (["--host", "no.such.name.invalid"], "--host no.such.name.invalid: no address of that name"),
    ],
)
def test_a_mistake_is_a_line(model: Path, options: list[str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["serve", "--model", str(model), *options]) == 1
    assert capsys.readouterr().err.startswith(f"error: {reason}")


def test_a_port_that_is_taken_is_a_line(served: Served, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    port = served.address.rstrip("/").rpartition(":")[2]
    assert cli.main(["serve", "--model", str(model), "--port", port]) == 1
    assert "is taken by another program" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="no other system tells shared memory apart")
def test_memory_comes_back_after_bad_uploads(served: Served, photographs: list[Path]) -> None:
    def megabytes() -> float:
        server = psutil.Process(served.process.pid)
        return float(sum(one.memory_full_info().pss for one in (server, *server.children(recursive=True)))) / 1e6

    def ask(seeds: range, filling: int) -> None:
        for seed in seeds:
            body, kind = mutated_body(seed)
            answer = requests.post(f"{served.address}predict", body, headers={"content-type": kind}, timeout=60)
            assert answer.status_code in (200, 400, 413, 422)
        for _ in range(filling):  # a picture in front, and 10 MB that mean nothing
            large = photographs[1].read_bytes() + bytes(10_000_000)
            answer = requests.post(f"{served.address}predict", files={"photographs": large}, timeout=60)
            assert answer.status_code == 200

    ask(range(40), 4)
    before = megabytes()
    ask(range(40, 60), 12)
    assert megabytes() < before + 60  # of 120 MB that were sent meanwhile
    assert served.ask(photographs[0]).status_code == 200

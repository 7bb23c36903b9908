"""A training that is tracked by a real server of MLflow 2, which has no ``/logged-models``.

    python benchmarks/mlflow2_server.py

Makes a virtual environment of its own in a temporary folder (network: the package index; some minutes), starts the
server of :data:`VERSION` on the loopback interface, logs what a training logs through ``lithoscope.tracking``, a model
too, and asks the server: the run must say FINISHED and have its figures and files, and one line must say why there is
no model. Ends with status 1 otherwise.
"""

import contextlib
import io
import os
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import requests

from lithoscope.config.params import load_parameters
from lithoscope.models.classifier import Architecture, build_classifier
from lithoscope.models.saved_model import ModelDescription, save_model
from lithoscope.tracking import Store, waiting

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from helpers.tracking_server import free_port, server_command

VERSION = "2.22.5"
ROOT = Path(__file__).resolve().parent.parent
SQL = "sqlalchemy<2.1"  # MLflow 2 imports what 2.1 has no more
SECONDS = 120  # to start
PLAIN = {"pooling": "average", "head": "linear", "members": 1, "views": 1}


def installed(folder: Path) -> Path:
    """Make a virtual environment with that server, and return its Python."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", f"mlflow=={VERSION}", SQL], check=True)
    return python


@contextlib.contextmanager
def served(python: Path, folder: Path) -> Iterator[str]:
    """Run the server, and yield its address.

    Raises:
        SystemExit: It did not come up; with the last line that it printed.
    """
    port = free_port()
    command, environment = server_command(python, port, folder / "server.db", folder / "files")
    path = f"{python.parent}{os.pathsep}{os.environ.get('PATH', '')}"  # where the server finds its gunicorn
    log_path = folder / "server.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env={**environment, "PATH": path})
    try:
        address = f"http://127.0.0.1:{port}"
        for _ in range(SECONDS):
            if process.poll() is not None:
                raise SystemExit(f"error: the server ended with status {process.returncode}: {_last_line(log_path)}")
            with contextlib.suppress(requests.RequestException):
                if requests.get(f"{address}/health", timeout=2).ok:
                    break
            time.sleep(1)
        else:
            raise SystemExit(f"error: the server did not answer within {SECONDS} s: {_last_line(log_path)}")
        yield address
    finally:
        process.terminate()
        process.wait()


def main(python: str = "") -> int:
    """Track a training, and say what came of it.

    Args:
        python: Of an environment that has that server already.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder, workspace = Path(temporary), Path(temporary) / "workspace"
        workspace.mkdir()
        parameters = load_parameters(ROOT / "params.yaml")
        with served(Path(python) if python else installed(folder / "venv"), folder) as address:
            version = requests.get(f"{address}/version", timeout=10).text
            said = io.StringIO()
            with contextlib.redirect_stderr(said):
                store = Store(address, workspace)
                model = _model(workspace / "model")
                with store.run("quartz", parameters, {}) as run:
                    run.log_metrics({"loss": 0.5}, 1)
                    run.log_metrics({"loss": 0.25}, 2)
                    run.log_dict({"threads": 2}, "environment.json")
                    picture = np.zeros((1, 32, 32, 3), np.uint8)
                    run.log_model(model, picture, ROOT / "src" / "lithoscope", ["basalt", "quartz"])
            kept = store.client.get_run(run.run_id)
            files = sorted(entry.path for entry in store.client.list_artifacts(run.run_id))
    lines = said.getvalue().splitlines()
    print(f"MLflow {version}: the run says {kept.info.status}, loss {kept.data.metrics.get('loss')}, files {files}")
    print("\n".join(lines))
    right = (
        version.strip() == VERSION
        and kept.info.status == "FINISHED"
        and kept.data.metrics == {"loss": 0.25}
        and files == ["environment.json"]
        and len(lines) == 1
        and "/logged-models" in lines[0]
        and not waiting(workspace)
    )
    print("as documented" if right else "error: not as docs/mlflow.md says")
    return int(not right)


def _last_line(log: Path) -> str:
    return (log.read_text("utf-8", "replace").splitlines() or ["it printed nothing"])[-1]


def _model(folder: Path) -> Path:
    network = load_parameters(ROOT / "params.yaml").model.model_copy(update={"name": "cnn", "weights": None, **PLAIN})
    architecture = Architecture(network, 32, 2)
    save_model(
        folder,
        ModelDescription(architecture, ["basalt", "quartz"], True, "folder", True, None),
        build_classifier(architecture).state_dict(),
    )
    return folder


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))

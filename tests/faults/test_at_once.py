"""Experiments at once with the real ``dvc``, on a new store."""

import sqlite3
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from mlflow.entities import LoggedModelStatus

from lithoscope.tracking import Store, waiting

from helpers.pipeline_clone import Clone
from helpers.tracking_server import until

pytestmark = pytest.mark.pipeline
ELSEWHERE, QUEUED = range(1, 6), range(6, 9)


@pytest.fixture(scope="module")
def clone(packed_clone: Clone, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    return packed_clone.copy(tmp_path_factory.mktemp("at-once") / "clone")


def experiment(clone: Clone, mode: str, rate: int) -> str:
    """Start an experiment, again where another one kept DVC's lock for more than its three seconds."""
    command = ["dvc", "exp", "run", mode, "--name", f"rate-{rate}", "-S", f"lr={rate}e-3", "train"]
    while True:
        done = subprocess.run(
            command,
            cwd=clone.root,
            env=clone.environment,
            text=True,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        if done.returncode == 0:
            return done.stdout
        assert "lock" in done.stdout, done.stdout
        time.sleep(0.5)


@pytest.mark.fault(
    tried="Eight experiments at once on a store that does not exist yet: five with --temp, three of a queue",
    outcome="Eight finished runs, each with its parameters, epoch and model; the database is sound, nothing is left "
    "to be sent",
)
def test_eight_experiments_at_once_are_eight_whole_runs(clone: Clone) -> None:
    for rate in QUEUED:
        experiment(clone, "--queue", rate)
    with ThreadPoolExecutor(len(ELSEWHERE)) as pool:
        elsewhere = [pool.submit(experiment, clone, "--temp", rate) for rate in ELSEWHERE]
        clone.run("dvc", "queue", "start", "--jobs", "3")
        for one in elsewhere:
            assert "kept epoch" in one.result()

    def ended() -> bool:
        states = [line.split()[-1] for line in clone.run("dvc", "queue", "status").splitlines() if "rate-" in line]
        assert "Failed" not in states, clone.run("dvc", "queue", "status")
        return len(states) == len(QUEUED) and set(states) == {"Success"}

    until(ended, "the queue", every=4)  # asking costs the workers a second of a core each time
    with sqlite3.connect(clone.root / "mlflow.db") as database:
        assert database.execute("pragma integrity_check").fetchall() == [("ok",)]
    store = Store(f"sqlite:///{clone.root / 'mlflow.db'}", clone.root)
    runs = {run.experiment: run for run in store.past_runs()}
    assert set(runs) == {f"rate-{rate}" for rate in (*ELSEWHERE, *QUEUED)}
    assert len(store.past_runs()) == 8
    for name, run in runs.items():
        assert (run.status, f"rate-{1000 * float(run.parameters['lr']):.0f}") == ("FINISHED", name)
        assert store.by_epoch(run.run_id, "val_loss").keys() == {1}
        assert store.file(run.run_id, "history.csv")
        outputs = store.client.get_run(run.run_id).outputs
        assert outputs is not None
        (model,) = outputs.model_outputs
        assert store.client.get_logged_model(model.model_id).status == LoggedModelStatus.READY
    assert len({run.tags["sha256.weights"] for run in runs.values()}) == 8
    assert waiting(clone.root) == []


def test_a_training_that_dvc_restores_from_its_cache_is_the_run_it_was(clone: Clone) -> None:
    store = Store(f"sqlite:///{clone.root / 'mlflow.db'}", clone.root)
    before = {run.run_id for run in store.past_runs()}
    refs = clone.run("git", "for-each-ref", "--format=%(refname)", "refs/exps").split()
    (ref,) = [name for name in refs if name.endswith(f"/rate-{ELSEWHERE[0]}")]
    (clone.root / "params.yaml").write_text(clone.run("git", "show", f"{ref}:params.yaml"), encoding="utf-8")
    (clone.root / "dvc.lock").write_text(clone.run("git", "show", "HEAD:dvc.lock"), encoding="utf-8")
    assert "cached" in clone.run("dvc", "repro", "train")
    assert {run.run_id for run in store.past_runs()} == before

"""The launch files for several nodes, as far as they can be held without a cluster."""

import importlib.util
import re
import shlex
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from ruamel.yaml import YAML
from torch.distributed.run import get_args_parser

SCRIPT = Path(__file__).parents[2] / "examples" / "several_nodes.py"
KUBERNETES = ["kubernetes", "--image", "registry/lithoscope", "--claim", "photographs"]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    specification = importlib.util.spec_from_file_location("several_nodes", SCRIPT)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def dry(script: ModuleType, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert script.main([*arguments, "--nodes", "4", "--processes", "2", "--dry"]) == 0
    return capsys.readouterr().out


def require_torchrun(line: str) -> None:
    """Have torchrun's own parser take a command line."""
    program, *arguments = shlex.split(re.sub(r"\$[A-Z_]+", "3", line))
    assert program == "torchrun"
    parsed = get_args_parser().parse_args(arguments)
    assert (parsed.nnodes, parsed.nproc_per_node, parsed.max_restarts) == ("4", "2", 0)
    assert (parsed.rdzv_backend, parsed.training_script) == ("static", "stages/train.py")


def test_slurm_is_given_one_task_a_node_that_runs_torchrun(
    script: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    text = dry(script, capsys, "slurm", "--checkout", "/shared/my rocks")
    subprocess.run(["bash", "-n"], input=text, text=True, check=True)
    assert "#SBATCH --nodes=4\n#SBATCH --ntasks-per-node=1\n" in text
    assert "#SBATCH --chdir='/shared/my rocks'\n" in text
    (command,) = (line for line in text.splitlines() if line.startswith("  srun "))
    require_torchrun(shlex.split(command)[-4])


def test_kubernetes_is_given_a_pod_a_node_that_finds_the_first(
    script: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    documents: list[dict[str, Any]] = list(YAML(typ="safe").load_all(dry(script, capsys, *KUBERNETES)))
    service, job = documents
    pod = job["spec"]["template"]
    assert (job["spec"]["completions"], job["spec"]["completionMode"]) == (4, "Indexed")
    assert service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    assert pod["spec"]["subdomain"] == service["metadata"]["name"]
    (container,) = pod["spec"]["containers"]
    require_torchrun(container["command"][-1])
    assert f'--master-addr "{job["metadata"]["name"]}-0.{service["metadata"]["name"]}"' in container["command"][-1]


def test_what_is_missing_is_said_in_a_line(
    script: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for arguments, reason in (
        (["kubernetes"], "kubernetes needs --image and --claim"),
        (["slurm", "--nodes", "0"], "--nodes, --processes and --cores: at least 1 each"),
        (["slurm"], "sbatch is not on this machine; --dry prints what it would be given"),
    ):
        monkeypatch.setenv("PATH", "")
        with pytest.raises(SystemExit):
            script.main(arguments)
        assert reason in capsys.readouterr().err

"""Train one network on several nodes of a SLURM or Kubernetes cluster.

    python examples/several_nodes.py slurm --nodes 4 --processes 2 --dry
    python examples/several_nodes.py kubernetes --nodes 4 --processes 1 --image registry/lithoscope --claim photographs

Run it at the root of a checkout that lies on a file system which all nodes share, after `dvc repro augment`. ``--dry``
prints the file; otherwise `sbatch` or `kubectl` takes it. Either has torchrun start `stages/train.py` on every node.
The death of a process ends all of them; the cluster starts them again, and they go on from the last whole epoch. When
it is over: `dvc commit train && dvc repro`.
"""

import argparse
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

from ruamel.yaml import YAML

PORT = 29400
"""On which the first node is met."""
SUBMIT = {"slurm": ["sbatch"], "kubernetes": ["kubectl", "apply", "--filename", "-"]}


def torchrun(nodes: int, processes: int, number: str, first: str) -> str:
    """Return the command line that each node runs.

    torchrun's own restarts are off: its agents count them each for itself, and processes whose agents have counted
    differently wait for each other in vain (torch 2.13).

    Args:
        nodes: How many.
        processes: On each.
        number: This node's, from 0; the cluster's shell fills it in.
        first: Address of the first node; the cluster's shell may fill it in.
    """
    options = f"--nnodes {nodes} --node-rank {number} --nproc-per-node {processes} --max-restarts 0"
    return f'torchrun {options} --master-addr "{first}" --master-port {PORT} stages/train.py'


def slurm(options: argparse.Namespace) -> str:
    """Return a batch file for `sbatch`."""
    line = torchrun(options.nodes, options.processes, "$SLURM_NODEID", "$first")
    return f"""#!/bin/bash
#SBATCH --job-name=lithoscope
#SBATCH --nodes={options.nodes}
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task={options.cores}
#SBATCH --chdir={shlex.quote(str(options.checkout))}
set -euo pipefail
export PATH="$PWD/.venv/bin:$PATH"
first=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
export first
for start in {{0..{options.restarts}}}; do
  srun --kill-on-bad-exit=1 bash -c {shlex.quote(line)} && exit 0
done
exit 1
"""


def kubernetes(options: argparse.Namespace) -> str:
    """Return a service, so that the nodes find the first one, and a job of one pod a node, for `kubectl apply`."""
    line = torchrun(options.nodes, options.processes, "$JOB_COMPLETION_INDEX", "lithoscope-0.lithoscope")
    container = {
        "name": "train",
        "image": options.image,
        "workingDir": str(options.checkout),
        "command": ["bash", "-c", line],
        "resources": {"requests": {"cpu": str(options.cores)}, "limits": {"cpu": str(options.cores)}},
        "volumeMounts": [{"name": "checkout", "mountPath": str(options.checkout)}],
    }
    pod = {
        "subdomain": "lithoscope",  # so that a pod's name is an address: lithoscope-0.lithoscope
        "restartPolicy": "Never",
        "containers": [container],
        "volumes": [{"name": "checkout", "persistentVolumeClaim": {"claimName": options.claim}}],
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "lithoscope"},
        # Pods are told of before they are ready, or none would ever meet another.
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": {"app": "lithoscope"},
            "ports": [{"name": "meeting", "port": PORT}],
        },
    }
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "lithoscope"},
        "spec": {
            "completionMode": "Indexed",
            "completions": options.nodes,
            "parallelism": options.nodes,
            "backoffLimit": options.restarts * options.nodes,
            "template": {"metadata": {"labels": {"app": "lithoscope"}}, "spec": pod},
        },
    }
    return _documents([service, job])


def _documents(documents: Sequence[object]) -> str:
    written = StringIO()
    yaml = YAML()
    yaml.width = 4096
    yaml.dump_all(documents, written)
    return written.getvalue()


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the file, or hand it to the cluster; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cluster", choices=sorted(SUBMIT))
    parser.add_argument("--nodes", type=int, default=2)
    parser.add_argument("--processes", type=int, default=1, help="on each node: as many as it has GPUs, else 1")
    parser.add_argument("--cores", type=int, default=4, help="of each node")
    parser.add_argument("--restarts", type=int, default=3, help="how often all are started again")
    parser.add_argument("--checkout", type=Path, default=Path.cwd(), help="the checkout, as every node sees it")
    parser.add_argument("--image", help="kubernetes: an image with the pipeline's packages")
    parser.add_argument("--claim", help="kubernetes: the persistent volume claim that holds the checkout")
    parser.add_argument("--dry", action="store_true", help="print the file and submit nothing")
    options = parser.parse_args(arguments)
    if min(options.nodes, options.processes, options.cores) < 1:
        parser.error("--nodes, --processes and --cores: at least 1 each")
    if options.cluster == "kubernetes" and not (options.image and options.claim):
        parser.error("kubernetes needs --image and --claim")
    text = slurm(options) if options.cluster == "slurm" else kubernetes(options)
    if options.dry:
        print(text, end="")
        return 0
    command = SUBMIT[options.cluster]
    if shutil.which(command[0]) is None:
        parser.error(f"{command[0]} is not on this machine; --dry prints what it would be given")
    return subprocess.run(command, input=text, text=True, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())

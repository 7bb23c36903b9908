"""A Ray cluster of several node processes on this machine, and its workers, to be killed."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import psutil

NODE: dict[str, Any] = {
    "num_cpus": 1,
    "object_store_memory": 100 * 2**20,
    # On Linux, Ray takes 127.0.0.1 in an address for "this machine" and asks its outer address instead.
    "node_ip_address": "127.0.0.2" if sys.platform == "linux" else "127.0.0.1",
    "include_dashboard": False,
    "include_log_monitor": False,
    "no_monitor": True,  # nobody starts further nodes
}


@contextmanager
def ray_nodes(count: int) -> Iterator[Any]:
    """Start a cluster of nodes with one core each, on the loopback, and stop it in the end."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112 (its name); 15 would get nothing beside other tests
    cluster = import_module("ray.cluster_utils").Cluster(initialize_head=True, head_node_args=NODE)
    try:
        for _ in range(1, count):
            cluster.add_node(**NODE)
        yield cluster
    finally:
        cluster.shutdown()


def workers() -> list[psutil.Process]:
    """Return the processes that ask the network, of clusters that this process started."""
    return [one for one in psutil.Process().children(recursive=True) if _title(one).startswith("ray::MapWorker")]


def is_busy(worker: psutil.Process) -> bool:
    """Return whether a worker has a block under way: Ray writes it into the process's title."""
    return ".submit" in _title(worker)


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:  # it ended
        return ""

"""Which engine prepares photographs: what the environment says, since it belongs to a machine and alters no result."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from lithoscope.core.errors import LithoscopeError
from lithoscope.core.text import safe
from lithoscope.data.engines.tasks import TaskEngine, on_threads

ENGINE = "LITHOSCOPE_ENGINE"
"""``local`` (as where it is not set) or ``ray``."""
ADDRESS = "RAY_ADDRESS"
"""Ray's own variable: ``HOST:PORT`` or ``auto``; where it is not set, a cluster on this machine is started."""


@contextmanager
def chosen_engine(environment: Mapping[str, str], partial: Path) -> Iterator[TaskEngine]:
    """Hold the engine that the environment names.

    Args:
        environment: Usually ``os.environ``.
        partial: The folder of half-done work, which holds what was made on Ray until the context ends well.

    Raises:
        LithoscopeError: There is no such engine.
    """
    name = environment.get(ENGINE) or "local"
    if name == "local":
        yield on_threads
    elif name == "ray":
        from lithoscope.data.engines.ray_cluster import AskedBy
        from lithoscope.data.engines.ray_tasks import TasksOnRay

        asked = AskedBy(f"{ENGINE}=ray", f"{ADDRESS}=", f"unset {ENGINE}")
        with TasksOnRay(environment.get(ADDRESS) or None, partial / "prepared", asked) as engine:
            yield engine
    else:
        raise LithoscopeError(f"{ENGINE}={safe(name)}: allowed: local | ray")

"""Stops a process at a chosen call, so that a test can kill it right there.

Python imports a module of this name when it starts, where its folder stands on ``PYTHONPATH``. ``STOP_AT`` is
``module:name:n``: the process stops before the n-th call of that function, having written its number to the file
``STOP_FLAG``.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any


def _stop() -> None:
    flag = Path(os.environ["STOP_FLAG"])
    flag.with_suffix(".half").write_text(str(os.getpid()), encoding="utf-8")
    flag.with_suffix(".half").replace(flag)
    time.sleep(3600)


def _wrap(module: ModuleType, name: str, count: int) -> None:
    *parents, last = name.split(".")
    owner: Any = module
    for parent in parents:
        owner = getattr(owner, parent)
    original, calls = getattr(owner, last), 0

    def stopping(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == count:
            _stop()
        return original(*arguments, **options)

    setattr(owner, last, stopping)


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the one module, and wraps the function once it is imported."""

    def __init__(self, module: str, name: str, count: int) -> None:
        self.module, self.name, self.count = module, name, count

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self.module:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        assert spec is not None
        assert spec.loader is not None
        execute = spec.loader.exec_module

        def execute_and_wrap(module: ModuleType) -> None:
            execute(module)
            _wrap(module, self.name, self.count)

        spec.loader.exec_module = execute_and_wrap  # type: ignore[method-assign]
        return spec


if "STOP_AT" in os.environ:
    _module, _name, _count = os.environ["STOP_AT"].split(":")
    sys.meta_path.insert(0, _Finder(_module, _name, int(_count)))

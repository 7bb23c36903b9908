"""``lithoscope gate``."""

import sys
from dataclasses import dataclass
from pathlib import Path

from lithoscope.core.errors import LithoscopeError, circumstance
from lithoscope.gate.report import as_json, markdown, show, write
from lithoscope.gate.sides import PARAMETERS, baseline_side, revision_side, workspace_side, write_snapshot
from lithoscope.gate.verdict import CANNOT_TELL, decide


@dataclass(frozen=True)
class GateRequest:
    """What was typed.

    Attributes:
        baseline: A revision or a file.
        revision: What to judge instead of the workspace.
        markdown: Where to write the Markdown.
        json: Where to write the JSON.
        snapshot: Where to write a snapshot; nothing is judged then.
        timed: Whether to measure predictions.
    """

    baseline: str
    revision: str | None = None
    markdown: Path | None = None
    json: Path | None = None
    snapshot: Path | None = None
    timed: bool = False


def gate_command(root: Path, request: GateRequest) -> int:
    """Judge, report, and return the status: 0 passed, 1 failed, 2 cannot tell, whatever the reason."""
    try:
        return _gate(root, request)
    except LithoscopeError as error:
        problem = str(error)
    except OSError as error:
        explained = circumstance(error)
        if explained is None:
            raise
        problem = explained
    for line in problem.splitlines():
        print(f"error: {line}", file=sys.stderr)
    return CANNOT_TELL


def _gate(root: Path, request: GateRequest) -> int:
    current = workspace_side(root) if request.revision is None else revision_side(root, request.revision)
    if PARAMETERS not in current.files:
        raise LithoscopeError(f"{PARAMETERS} is not there in {current.name}; run this at the root of a checkout")
    if request.snapshot is not None:
        current.scores()  # a snapshot without predictions would be no baseline
        write_snapshot(current, request.snapshot)
        print(f"wrote {request.snapshot}; compare with it: lithoscope gate --baseline {request.snapshot}")
        return 0
    verdict = decide(root, baseline_side(root, request.baseline), current, timed=request.timed)
    if request.markdown is not None:
        write(request.markdown, markdown(verdict))
    if request.json is not None:
        write(request.json, as_json(verdict))
    show(verdict)
    return verdict.status

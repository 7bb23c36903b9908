"""Epoch recorder: figures to the terminal, to MLflow and to ``plots/history.csv`` as soon as an epoch is over."""

import time
from pathlib import Path

from lithoscope.core.files import partial_path
from lithoscope.models.classifier import Architecture
from lithoscope.tracking import Run
from lithoscope.training import distributed
from lithoscope.training.history import EpochFigures, history_table, mean_history
from lithoscope.training.module import TrainingSettings


def opening_line(architecture: Architecture, weights: int, pictures: int, settings: TrainingSettings) -> str:
    """Return what the terminal says of a training before its first epoch; ``weights`` are those of one network."""
    members, name = architecture.model.members, architecture.model.name
    several = f"{members} times " if members > 1 else ""
    shared = f", {distributed.world_size()} processes" if distributed.world_size() > 1 else ""
    return (
        f"training {several}{name} ({weights:,} weights) on {pictures} pictures of {architecture.classes} "
        f"classes, {settings.precision} on {settings.device}{shared}"
    )


class EpochRecorder:
    """Records epochs of one network or of several that are averaged.

    MLflow gets the figures of one network by their names (``val_loss``); of several each one's as
    ``member1.val_loss`` and so on, and in the end their mean by the plain names.

    Args:
        run: The MLflow run.
        path: Where the history is written, the mean over the members.
        epochs: How many there are at most, over all phases.
        members: How many networks.
        checkpoints: The training's folder, where the seconds it took outlive a kill.
    """

    def __init__(self, run: Run, path: Path, epochs: int, members: int, checkpoints: Path | None = None) -> None:
        self.run, self.path, self.epochs = run, path, epochs
        self._kept = checkpoints / "seconds.txt" if checkpoints else None
        self._before = _read_seconds(self._kept) if self._kept else 0.0
        self.started = time.monotonic()
        self._histories: list[list[EpochFigures]] = [[] for _ in range(members)]

    def seconds(self) -> float:
        """Return how long the training took so far; of starts that were killed, until their last whole epoch."""
        return self._before + time.monotonic() - self.started

    def on_epoch(self, member: int, history: list[EpochFigures]) -> None:
        """Record what is new in a member's history; epochs from before a kill are logged too."""
        several = len(self._histories) > 1
        known = len(self._histories[member])
        for figures in history[known:]:
            prefix = f"member{member + 1}." if several else ""
            self._log(figures, prefix)
        if history[known:]:
            which = f"network {member + 1}/{len(self._histories)}  " if several else ""
            print(f"{which}{history[-1].line(self.epochs)}  {self.seconds():.0f} s", flush=True)
            self._keep_seconds()
        self._histories[member] = list(history)
        self.path.parent.mkdir(exist_ok=True)
        self.path.write_text(history_table(mean_history(self._histories)), encoding="utf-8")

    def _keep_seconds(self) -> None:
        if self._kept:
            partial = partial_path(self._kept)
            partial.write_text(f"{self.seconds():.3f}\n", encoding="utf-8")
            partial.replace(self._kept)

    def finish(self) -> None:
        """Log the mean over the members, where there are several."""
        if len(self._histories) > 1:
            for figures in mean_history(self._histories):
                self._log(figures, "")

    def _log(self, figures: EpochFigures, prefix: str) -> None:
        self.run.log_metrics({prefix + name: value for name, value in figures.measured().items()}, figures.epoch)


def _read_seconds(path: Path) -> float:
    """Read what an earlier start left; what a loss of power made of it may be no number, and none is worth an error."""
    try:
        return max(0.0, float(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return 0.0

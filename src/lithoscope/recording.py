"""Tells the terminal, MLflow and ``plots/history.csv`` of each epoch as soon as it is over."""

import time
from pathlib import Path

from lithoscope.history import EpochFigures, history_table, mean_history
from lithoscope.tracking import Run


class EpochRecorder:
    """Records epochs of one network or of several that are averaged.

    MLflow gets the figures of one network by their names (``val_loss``); of several each one's as
    ``member1.val_loss`` and so on, and in the end their mean by the plain names.

    Args:
        run: The MLflow run.
        path: Where the history is written, the mean over the members.
        epochs: How many there are at most, over all phases.
        members: How many networks.
    """

    def __init__(self, run: Run, path: Path, epochs: int, members: int) -> None:
        self.run, self.path, self.epochs = run, path, epochs
        self.started = time.monotonic()
        self._histories: list[list[EpochFigures]] = [[] for _ in range(members)]

    def seconds(self) -> float:
        """Return how long ago the training was started."""
        return time.monotonic() - self.started

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
        self._histories[member] = list(history)
        self.path.parent.mkdir(exist_ok=True)
        self.path.write_text(history_table(mean_history(self._histories)), encoding="utf-8")

    def finish(self) -> None:
        """Log the mean over the members, where there are several."""
        if len(self._histories) > 1:
            for figures in mean_history(self._histories):
                self._log(figures, "")

    def _log(self, figures: EpochFigures, prefix: str) -> None:
        self.run.log_metrics({prefix + name: value for name, value in figures.measured().items()}, figures.epoch)

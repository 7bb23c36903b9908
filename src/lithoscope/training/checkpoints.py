"""Durable checkpoints: after a kill or a loss of power they are whole, or not there, or known to be damaged."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io import TorchCheckpointIO
from lightning.pytorch.callbacks import ModelCheckpoint

from lithoscope.core.files import commit_file, partial_path

LAST, BEST = "last.ckpt", "best.ckpt"


def save(values: Any, path: Path) -> None:
    """Write what ``torch.save`` takes so that it is there whole or not at all; makes the folder where there is none."""
    buffer = io.BytesIO()  # torch itself would turn a full disk into an error that does not say so
    torch.save(values, buffer)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_path(path)
    partial.write_bytes(buffer.getbuffer())
    commit_file(partial, path)


def is_whole(path: Path) -> bool:
    """Return whether a file that ``torch.save`` wrote has the bytes that were written, by the checksums in it.

    ``torch.load`` itself does not check them.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError):  # what a damaged directory can lead to
        return False


def is_usable(path: Path, say: Callable[[str], object] = print) -> bool:
    """Return whether a checkpoint is there and whole; a damaged one is renamed to ``….damaged``, with a line."""
    if not path.is_file():
        return False
    if is_whole(path):
        return True
    aside = path.with_name(path.name + ".damaged")
    path.replace(aside)
    say(f"the checkpoint {path.name} is damaged and set aside as {aside}; training goes on from an earlier state")
    return False


def to_resume(folder: Path, *, validated: bool) -> Path | None:
    """Return the checkpoint a phase goes on from, or None where it starts at its first epoch.

    The last epoch's, if both it and that of the best epoch, from which the model is made in the end, are whole. If the
    last one is damaged, the best one, which holds just as much. If the best one is damaged, none: its epoch has to be
    trained again.

    Args:
        folder: The phase's.
        validated: Whether there is a best epoch besides the last one.
    """
    last, best = folder / LAST, folder / BEST
    if not validated:
        return last if is_usable(last) else None
    if is_usable(best):
        return last if is_usable(last) else best
    last.unlink(missing_ok=True)  # it counts on a best one that is gone
    return None


class DurableCheckpointIO(TorchCheckpointIO):
    """Writes Lightning's checkpoints with :func:`save`; Lightning itself leaves it to the system when to write."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Write a checkpoint."""
        save(checkpoint, Path(path))


class Saver(ModelCheckpoint):
    """Keeps the checkpoint of the last epoch, or of the one with the best figure, under a name of its own.

    Args:
        folder: Where.
        name: The file's.
        monitor: The figure, such as ``val_loss``; None for the last epoch.
    """

    def __init__(self, folder: Path, name: str, monitor: str | None) -> None:
        mode = "max" if monitor == "val_accuracy" else "min"
        super().__init__(
            folder,
            filename=Path(name).stem,
            monitor=monitor,
            mode=mode,
            save_top_k=1,
            save_on_train_epoch_end=True,
            enable_version_counter=False,
        )

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up where a checkpoint stopped, also in a repository that was moved or renamed since.

        Lightning forgets which epoch was best where the folder has another name, and a worse one would take its place.
        """
        here = Path(str(self.dirpath))
        state = {**state_dict, "dirpath": self.dirpath}
        for key in ("best_model_path", "kth_best_model_path", "last_model_path"):
            state[key] = str(here / Path(state[key]).name) if state[key] else ""
        state["best_k_models"] = {str(here / Path(path).name): s for path, s in state_dict["best_k_models"].items()}
        super().load_state_dict(state)

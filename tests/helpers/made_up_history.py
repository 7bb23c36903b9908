"""How a network that never was learnt: the history and the summary of a made-up run."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lithoscope.core.random_streams import generator

from helpers.made_up_findings import write_json


def write_history(root: Path, epochs: int, skill: float, validation: bool, members: int, head_epochs: int) -> None:
    """Write ``plots/history.csv`` and ``metrics/train.json``."""
    histories = [_history(member, epochs, skill, validation, head_epochs) for member in range(members)]
    mean = histories[0].copy()
    columns = [name for name in mean.columns if name.startswith(("train_", "val_"))]
    mean[columns] = np.mean([history[columns].to_numpy() for history in histories], axis=0)
    write_csv(root / "plots/history.csv", mean)
    summaries = [_summary(history, validation) for history in histories]
    if members > 1:
        of_mean = _summary(mean, validation)
        best = round(float(np.mean([summary["best_epoch"] for summary in summaries])))
        write_json(root / "metrics/train.json", of_mean | {"best_epoch": best, "members": summaries})
    else:
        write_json(root / "metrics/train.json", summaries[0])


def _history(member: int, epochs: int, skill: float, validation: bool, head_epochs: int) -> pd.DataFrame:
    """What one network's epochs gave; the first one's noise is that of a run with one network."""
    steps = np.arange(1, epochs + 1)
    key = ("history", member) if member else ("history",)
    wobble = generator(0, *key).normal(0, 0.02 * (1 + 4 * bool(member)), (2, epochs))
    train, val = 2 * np.exp(-steps / 5), 2 * np.exp(-steps / 5) + 0.002 * steps**2 + 0.1 + wobble[0]
    return pd.DataFrame(
        {
            "epoch": steps,
            "lr": 1e-3,
            "train_loss": train,
            "train_accuracy": np.clip(1 - train / 2.2, 0, 1),
            "val_loss": val if validation else np.nan,
            "val_accuracy": np.clip(skill * (1 - np.exp(-steps / 3)) + wobble[1], 0, 1) if validation else np.nan,
            "phase": np.where(steps <= head_epochs, "head", "all"),
        }
    )


def _summary(history: pd.DataFrame, validation: bool) -> dict[str, Any]:
    """What ``metrics/train.json`` says of a history."""
    best = history.iloc[int(history["val_loss"].to_numpy().argmin()) if validation else -1]
    figures = {
        part: {name: float(best[f"{part}_{name}"]) for name in ("loss", "accuracy")} for part in ("train", "val")
    }
    return {
        "best_epoch": int(best["epoch"]),
        "epochs": len(history),
        "train": figures["train"],
        "validation": figures["val"] if validation else None,
    }


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Write a table as the stages do."""
    table.to_csv(path, index=False, lineterminator="\n", float_format="%.6f", na_rep="NaN")

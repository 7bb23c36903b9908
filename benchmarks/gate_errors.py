"""How often the gate cries wolf, and how often it misses a planted regression.

Many trainings of the default recipe on the built-in specimens made small, each from a seed of its own. Pairs of them
are judged as `lithoscope gate` judges predictions, with the settings in params.yaml. Each training's predictions are
kept under .partial/gate-errors, so that the command can be stopped at any time and goes on. Two at
once, with --part 1/2 and --part 2/2, only train; then the command without --part writes benchmarks/gate_errors.md.
"""

import argparse
import time
from pathlib import Path
from typing import Any

from _gate_rates import render
from _small_trainings import ROOT, keep_predictions, key_of, pack

from lithoscope.config.params import Parameters, load_parameters
from lithoscope.config.yaml import read_yaml
from lithoscope.core.locked_folder import exclusive
from lithoscope.gate.predictions import Predictions, read_predictions
from lithoscope.gate.settings import gate_settings

BASELINE = "baseline"
SAME = "same recipe"
FIRST_JUDGED = 1000  # not the number of seeds, so that more of them go on from what is there
KEPT = ROOT / ".partial" / "gate-errors"
REPORT = ROOT / "benchmarks" / "gate_errors.md"


def plans(params: Parameters) -> dict[str, dict[str, Any]]:
    """Return what differs from the recipe in each arm."""
    tenth, half = max(1, params.epochs // 10), max(1, params.epochs // 2)
    return {
        BASELINE: {},
        SAME: {},
        "learning rate of 10": {"lr": 10.0},
        "shuffled labels": {"shuffled": True},
        "a tenth of the epochs": {"epochs": tenth},
        "half the epochs": {"epochs": half},
    }


def seed_of(arm: str, number: int) -> int:
    """Return the seed of an arm's training: what is judged never has a seed of the baselines."""
    return number if arm == BASELINE else FIRST_JUDGED + number


def main() -> None:
    """Train what is missing, then count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=50, help="pairs of each kind")
    parser.add_argument("--image-size", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--part", metavar="K/N", default="1/1", help="train every N-th seed from the K-th on, no more")
    parser.add_argument("--report", type=Path, default=REPORT)
    options = parser.parse_args()
    whole = load_parameters(ROOT / "params.yaml")
    params = whole.model_copy(
        update={
            "image_size": options.image_size,
            "epochs": options.epochs,
            "threads": options.threads,
            "dataset": "specimens",
            "augment": whole.augment.model_copy(update={"copies": 0}),
        }
    )
    folder = KEPT / key_of(params, plans(params))
    arrays = folder / "arrays"
    with exclusive(folder, "packing"):
        if not arrays.is_dir():
            pack(arrays, params)
    part, parts = map(int, options.part.split("/"))
    found: dict[str, list[Predictions | None]] = {arm: [] for arm in plans(params)}
    for number in range(part - 1, options.seeds, parts):
        for arm, changes in plans(params).items():
            path = folder / arm.replace(" ", "-") / f"{number:04}.csv"
            if not path.is_file():
                started = time.perf_counter()
                changed = params.model_copy(update={key: value for key, value in changes.items() if key != "shuffled"})
                keep_predictions(path, arrays, changed, seed_of(arm, number), shuffled=bool(changes.get("shuffled")))
                print(f"{arm}, number {number}: {time.perf_counter() - started:.1f} s", flush=True)
            text = path.read_text(encoding="utf-8")
            found[arm].append(read_predictions(text, path.name) if text else None)
    if parts > 1:
        return
    settings = gate_settings(read_yaml(ROOT / "params.yaml"))
    about = (
        f"{options.seeds} pairs of each kind; specimens (synthetic) at {params.image_size} px without varied copies, "
        f"{params.epochs} epochs, the rest as in `params.yaml`: `python benchmarks/gate_errors.py --seeds "
        f"{options.seeds} --image-size {params.image_size} --epochs {params.epochs}`"
    )
    text = render(found.pop(BASELINE), found, SAME, settings, about)
    options.report.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()

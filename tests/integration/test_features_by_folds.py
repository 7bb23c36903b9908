import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

pytestmark = pytest.mark.slow
SCRIPT = Path(__file__).parents[2] / "examples" / "features_by_folds.py"


def run(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONPATH": str(SCRIPT.parent.parent / "src")}
    command = [sys.executable, str(SCRIPT), "--model", "cnn", "--weights", "none", "--threads", "1", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_every_kind_of_features_is_judged_on_training_photographs_alone(tmp_path: Path) -> None:
    rows, rng = [], np.random.default_rng(0)
    for number in range(52):
        fine = number % 2
        label = ("coarse", "fine")[fine ^ (number in {10, 31})]  # two wrong ones, or there were nothing to fit
        grain = rng.integers(0, 256, (64, 64, 3) if fine else (8, 8, 3), dtype=np.uint8)
        path = tmp_path / f"{number}.png"
        Image.fromarray(grain).resize((64, 64), Image.Resampling.NEAREST).save(path)
        rows.append((f"{number}", str(path), label, "train", f"{number}", ""))
    rows.append(("52", str(tmp_path / "not there.png"), "fine", "test", "52", ""))
    (tmp_path / "build").mkdir()
    columns = ["id", "path", "label", "split", "group", "reason"]
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "build" / "splits.csv", index=False)
    done = run(tmp_path, "--size", "64", "--passes", "0", "1", "--views", "2", "--folds", "3", "--repeats", "1")
    assert done.returncode == 0, done.stderr
    lines = re.findall(
        r"64 px  (.+?) +(\d+) passes  accuracy ([\d.]+) \[.+\], framed closer [\d.]+ \[.+\], temperature ([\d.]+)\n",
        done.stdout,
    )
    assert [(kind, passes) for kind, passes, *_ in lines] == [
        (kind, passes) for kind in ("average", "late averages", "covariance", "texture") for passes in "01"
    ]
    assert "52 photographs, 3 folds" in done.stdout
    assert min(float(share) for _, _, share, _ in lines) > 0.8, "two grains that anyone tells apart"
    assert "1" not in {f"{float(temperature):g}" for *_, temperature in lines}


def test_without_a_split_it_says_what_to_run(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert done.returncode == 1
    assert (
        done.stderr
        == "error: build/splits.csv is missing: run `dvc repro split` first, at the root of the repository\n"
    )

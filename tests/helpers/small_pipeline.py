"""A pipeline that trains in a second: real git, real dvc, a real network on scikit-learn's handwritten digits.

It writes the files that Lithoscope's own stages write, under the same names; that is all the gate reads.
"""

import os
import re
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
from dvc.cli import main

from helpers.git_checkout import git

PACK = """
import hashlib
from pathlib import Path
import numpy as np, pandas as pd
from sklearn.datasets import load_digits
digits = load_digits()
Path("build/arrays").mkdir(parents=True, exist_ok=True), Path("plots").mkdir(exist_ok=True)
rows = []
for place, (pixels, label) in enumerate(zip(digits.data, digits.target)):
    split = "test" if place % 3 == 0 else "train"
    digest = hashlib.sha256(pixels.tobytes()).hexdigest()[:16]
    rows.append((f"{place:04}.png", split, f"digit {label}", "", digest, digest))
table = pd.DataFrame(rows, columns=["id", "split", "label", "group", "file", "pixels"])
table.to_csv("plots/splits.csv", index=False)
np.savez("build/arrays/all.npz", pixels=digits.data, labels=digits.target)
"""

LEARN = """
import json, warnings
from pathlib import Path
import numpy as np, pandas as pd
from sklearn.neural_network import MLPClassifier
from lithoscope.evaluation.metrics import evaluate, prediction_table
from lithoscope.config.yaml import read_yaml
warnings.simplefilter("ignore")
params = read_yaml(Path("params.yaml"))
packed = np.load("build/arrays/all.npz")
test = np.arange(len(packed["labels"])) % 3 == 0
pixels, labels = packed["pixels"] / 16, packed["labels"].astype(np.int64)
seen, told = pixels[~test], labels[~test]
network = MLPClassifier((16,), learning_rate_init=params["lr"], max_iter=params["epochs"], random_state=params["seed"])
network.fit(seen, told)
Path("build/model").mkdir(parents=True, exist_ok=True), Path("metrics").mkdir(exist_ok=True)
np.savez("build/model/weights.npz", *network.coefs_)
classes = [f"digit {number}" for number in range(10)]
probabilities = network.predict_proba(pixels[test])
figures = evaluate(probabilities, labels[test], classes)
def write(name, values):
    Path("metrics", name).write_text(json.dumps(values, indent=2) + "\\n")
write("evaluation.json", {"test": figures.overall})
write("per_class.json", {"test": figures.per_class})
write("baselines.json", {"test": {"majority_class": 0.1}})
write("train.json", {"epochs": network.n_iter_, "validation": None})
write("data.json", {"photographs": len(labels)})
ids = [f"{place:04}.png" for place in np.flatnonzero(test)]
table = prediction_table(ids, "test", labels[test], probabilities, classes)
table.to_csv("plots/predictions.csv", index=False, float_format="%.6f")
"""

PIPELINE = """
stages:
  augment:
    cmd: python pack.py
    deps: [pack.py]
    outs: [build/arrays]
    plots:
      - plots/splits.csv: {cache: false}
  train:
    cmd: python learn.py
    params: [lr, epochs, seed]
    deps: [learn.py, build/arrays]
    outs: [build/model]
    metrics:
      - metrics/evaluation.json: {cache: false}
      - metrics/per_class.json: {cache: false}
      - metrics/baselines.json: {cache: false}
      - metrics/train.json: {cache: false}
      - metrics/data.json: {cache: false}
    plots:
      - plots/predictions.csv: {cache: false}
"""


class SmallPipeline:
    """A repository with that pipeline, trained and committed on the branch main.

    Args:
        root: Where it is made.
        checkout: Whose ``params.yaml`` gives the gate's settings.
        warm: Where the ``python`` lies that begins with its libraries in memory (:mod:`helpers.warm_python`).
    """

    def __init__(self, root: Path, checkout: Path, warm: Path) -> None:
        self.root, self.warm = root, warm
        root.mkdir(parents=True)
        gate = (checkout / "params.yaml").read_text(encoding="utf-8").partition("\ngate:")[2]
        files = {
            "pack.py": PACK,
            "learn.py": LEARN,
            "dvc.yaml": PIPELINE,
            ".gitignore": "/build/\n",
            "params.yaml": f"dataset: folder\nlr: 0.003\nepochs: 40\nseed: 0\n\ngate:{gate}",
        }
        for name, text in files.items():
            (root / name).write_text(text, encoding="utf-8")
        git(root, "init", "--quiet", "--initial-branch=main")
        self.dvc("init", "--quiet")
        self.repro()
        self.commit("Train")

    def dvc(self, *arguments: str) -> str:
        """Run dvc in this process, which has imported it; return what it printed, on both streams."""
        printed = StringIO()
        with pytest.MonkeyPatch.context() as patched, redirect_stdout(printed), redirect_stderr(printed):
            for variable in [name for name in os.environ if name.startswith(("DVC_", "GIT_"))]:
                patched.delenv(variable)
            patched.setenv("PATH", f"{self.warm}{os.pathsep}{os.environ['PATH']}")
            patched.chdir(self.root)
            status = main(list(arguments))  # type: ignore[no-untyped-call]
        assert status == 0, printed.getvalue()
        return printed.getvalue()

    def repro(self) -> None:
        self.dvc("repro", "--quiet")

    def edit(self, file: str, pattern: str, replacement: str) -> None:
        """Replace the one place in a file that matches a pattern."""
        text = (self.root / file).read_text(encoding="utf-8")
        changed, count = re.subn(pattern, replacement, text, flags=re.MULTILINE)
        assert count == 1, f"{pattern} matches {count} times in {file}"
        (self.root / file).write_text(changed, encoding="utf-8")

    def commit(self, message: str) -> None:
        git(self.root, "add", "--all")
        git(self.root, "commit", "--quiet", "--message", message)

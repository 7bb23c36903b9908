import json
import subprocess
import sys
from pathlib import Path

from lithoscope.core.text import percent
from lithoscope.experiments.results.by_network import best_by_network


def write(folder: Path, name: str, network: str, right: int, split: str = "test") -> None:
    photographs = [
        {"id": str(number), "label": "a", "p": [0.9, 0.1] if number < right else [0.1, 0.9]} for number in range(10)
    ]
    values = {
        "parameters": {"dataset": "folder", "model": {"name": network}},
        "split": split,
        "classes": ["a", "b"],
        "photographs": photographs,
    }
    (folder / f"{name}.json").write_text(json.dumps(values), encoding="utf-8")


def test_the_best_recipe_of_each_network_is_named_with_its_mean_over_seeds(tmp_path: Path) -> None:
    write(tmp_path, "granite-seed0", "resnet18", 8)
    write(tmp_path, "granite-seed1", "resnet18", 6)
    write(tmp_path, "basalt-seed0", "resnet18", 5)
    write(tmp_path, "gneiss-seed0", "resnet18", 10, split="validation")
    assert best_by_network(tmp_path) == {"resnet18": {"folder": f"{percent(0.7)} of 10 (granite, mean of 2 seeds)"}}


def test_without_results_nothing_is_claimed(tmp_path: Path) -> None:
    assert best_by_network(tmp_path) == {}


def test_a_list_waits_for_no_library_of_statistics() -> None:
    slow = {"sklearn", "pandas", "scipy", "torch"}
    code = f"import sys, lithoscope.experiments.results.by_network; print({slow} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"

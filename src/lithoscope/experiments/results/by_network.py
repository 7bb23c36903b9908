"""How accurate each network was in our recipes."""

from collections import defaultdict
from pathlib import Path

import numpy as np

from lithoscope.core.text import percent
from lithoscope.experiments.results.recorded_run import RecordedRun


def best_by_network(folder: Path) -> dict[str, dict[str, str]]:
    """Return, by ``model.name`` and set of photographs, the recipe with the highest mean accuracy in words.

    Args:
        folder: Holds the files of finished runs; figures of runs that were scored on anything but test photographs are
            left away.
    """
    runs: dict[tuple[str, str, str], list[RecordedRun]] = defaultdict(list)
    for path in sorted(folder.glob("*.json")):
        result = RecordedRun.read(path)
        if result.values["split"] == "test":
            parameters = result.values["parameters"]
            runs[parameters["model"]["name"], parameters["dataset"], result.recipe].append(result)
    best: dict[str, dict[str, tuple[float, str]]] = defaultdict(dict)
    for (network, dataset, recipe), results in runs.items():
        mean = float(np.mean([np.mean(list(result.correct.values())) for result in results]))
        seeds = "1 seed" if len(results) == 1 else f"mean of {len(results)} seeds"
        text = f"{percent(mean)} of {len(results[0].values['photographs'])} ({recipe}, {seeds})"
        best[network][dataset] = max(best[network].get(dataset, (0.0, "")), (mean, text))
    return {network: {name: text for name, (_, text) in found.items()} for network, found in best.items()}

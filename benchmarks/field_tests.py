"""What a hardness would add to photographs, simulated from the table of properties; writes into docs/answers.md."""

import argparse
from pathlib import Path

import numpy as np
from _documents import DOCS, write_between
from _photograph_features import described
from none_of_these import outer_fold

from lithoscope.core.random_streams import generator
from lithoscope.evaluation.statistics.proportions import wilson
from lithoscope.models.temperature import tempered
from lithoscope.serving.field_tests import SPREAD, known_properties, reweight
from lithoscope.training.discriminant_head import standardised_discriminant


def main() -> None:
    """Name the minerals of the first fold with and without a simulated hardness; print and write both accuracies."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minerals", type=Path, required=True, help="a local copy of minerals")
    parser.add_argument("--cache", type=Path, default=Path(".partial/none_of_these"), help="where features are kept")
    options = parser.parse_args()
    minerals = described(options.minerals, "minerals", options.cache)
    classes, labels = np.unique(minerals.labels, return_inverse=True)
    names, table = [str(name) for name in classes], known_properties([str(name) for name in classes])
    learnt, asked = outer_fold(minerals)
    weights, biases = standardised_discriminant(
        minerals.last[learnt].astype(np.float64), labels[learnt].astype(np.int64), len(names), 0.5
    )
    said = tempered(minerals.last[asked] @ weights.T + biases, 1.0)
    drawn = generator(0, "simulated hardness")
    after = np.empty_like(said)
    for row, label in enumerate(labels[asked]):
        low, high = table[names[label]].hardness or (1.0, 10.0)
        found = float(np.clip(drawn.uniform(low, high) + drawn.normal(0, SPREAD), 1, 10))
        after[row] = reweight(said[row : row + 1], names, {"hardness": f"{found:.1f}"}, table)[0]
    lines = [
        f"| seven minerals, {len(asked)} of {len(labels)} photographs, the others learnt | accuracy |",
        "| --- | --- |",
    ]
    for words, probabilities in (("photograph alone", said), ("with a simulated hardness", after)):
        hits, n = int((probabilities.argmax(axis=1) == labels[asked]).sum()), len(asked)
        low, high = wilson(hits, n)
        lines.append(f"| {words} | {hits / n:.3f} [{low:.3f}, {high:.3f}] |")
        print(lines[-1])
    write_between(DOCS / "answers.md", "field_tests.py", lines)


if __name__ == "__main__":
    main()

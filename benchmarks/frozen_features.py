"""Training a head on features computed once, against computing them in every epoch."""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from _networks import network, parameters
from _paired import compare

from lithoscope.data.packed.arrays import ArraySplit
from lithoscope.models.device import make_repeatable
from lithoscope.training.module import TrainingSettings
from lithoscope.training.phase import Phase, Photographs, train_phase

CLASSES = 7


def pictures(rows: int, side: int, seed: int) -> ArraySplit:
    """Make up pictures of noise."""
    images = np.random.default_rng(seed).integers(0, 256, (rows, side, side, 3), dtype=np.uint8)
    labels = np.arange(rows, dtype=np.int64) % CLASSES
    names = [f"class {number}" for number in range(CLASSES)]
    return ArraySplit(images, [str(row) for row in range(rows)], labels, np.zeros(rows, np.int64), names)


def main() -> None:
    """Time both ways and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="mobilenet_v2")
    parser.add_argument("--pictures", type=int, default=256)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    training, validation = pictures(options.pictures, options.side, 0), pictures(options.pictures // 4, options.side, 1)
    settings = TrainingSettings.from_parameters(parameters(), "cpu", "fp32").changed(
        lr=1e-3, epochs=options.epochs, patience=0
    )

    def head(computed: bool) -> None:
        make_repeatable(0, options.threads)
        trained = network(options.model, options.side, CLASSES)
        phase = Phase("head", settings, len(trained.blocks()), rate="lr", computed=computed)
        with tempfile.TemporaryDirectory() as folder:
            train_phase(
                trained,
                phase,
                Photographs(training, validation, None),
                [],
                checkpoints=Path(folder),
                features=Path(folder) / "features",
                on_epoch=lambda *_: None,
                progress_bar=False,
            )

    print(
        f"{options.model}, {options.pictures} + {len(validation)} pictures of {options.side} px, {options.epochs} "
        f"epochs, {options.threads} threads: features in every epoch against once"
    )
    print(compare(lambda: head(computed=False), lambda: head(computed=True), options.repeats))


if __name__ == "__main__":
    main()

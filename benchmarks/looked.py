"""What a model looked at, by covering its feature maps and by covering the photograph; writes looked.md.

    python benchmarks/looked.py NAME=EXPORT:ARRAYS …

EXPORT is what ``lithoscope export`` wrote, ARRAYS the packed photographs of its model, whose test split is drawn from
evenly; each photograph is asked about its most probable class. Covers on the photograph are the measure, since they ask
the whole network.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.stats import spearmanr

from lithoscope.data.packed.arrays import Pixels, open_split
from lithoscope.serving.occlusion import OF_MAPS, PARTS, Look, evidence, look_at_photograph
from lithoscope.serving.onnx_model import OnnxModel

PAGE = Path(__file__).with_suffix(".md")
HIDDEN = PARTS**2 // 4
HEAD = f"""# What a model looked at, found in two ways

Made by ``python benchmarks/looked.py --count COUNT {{sets}}``, on one thread.

Of test photographs, evenly drawn, each asked about its most probable class. *Rank correlation*: Spearman's, over the
{PARTS**2} parts, of the evidence found by covering feature maps with that found by covering the photograph; median, and
quarters. *Fall*: {HIDDEN} parts of the photograph are hidden at once under its mean colour, those with the most
evidence, drawn ones, those with the least, and the whole network is asked; by how much the logarithm of the probability
falls, mean (deletion, as Petsiuk, Das & Saenko, RISE, BMVC 2018, but of a quarter at once). *Seconds*: of the
processor, for a look, median.

| model | photographs | covers on | rank correlation | fall: most | drawn | least | most above least | seconds |
| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |
"""


@dataclass
class Way:
    """A way of covering, and what it showed."""

    name: str
    look: Callable[[Pixels], Look]
    ranks: list[float] = field(default_factory=list)
    falls: list[npt.NDArray[np.float64]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def row(self, name: str) -> str:
        """Return the row of the table."""
        falls, quarters = np.array(self.falls), np.percentile(self.ranks, [50, 25, 75])
        cells = (
            *(name, str(len(falls)), self.name, "{:.2f} ({:.2f} to {:.2f})".format(*quarters)),
            *(f"{one:.2f}" for one in falls.mean(axis=0)),
            *(f"{(falls[:, 0] > falls[:, 2]).mean():.0%}", f"{np.median(self.seconds):.2f}"),
        )
        return f"| {' | '.join(cells)} |"


def hidden(square: Pixels, order: npt.NDArray[np.intp]) -> Pixels:
    """Return a square with its first parts of an order under its mean colour."""
    parts = np.zeros(PARTS**2, bool)
    parts[order[:HIDDEN]] = True
    places = np.arange(len(square)) * PARTS // len(square)
    under = parts.reshape(PARTS, PARTS)[places][:, places]
    found = square.copy()
    found[under] = np.rint(square.mean(axis=(0, 1)))
    return found


def rows(name: str, export: Path, arrays: Path, count: int) -> list[str]:
    """Look at a model's test photographs in both ways; return a row each."""
    model, split = OnnxModel.load(export, threads=1), open_split(arrays, "test")
    classes = model.description.classes
    ways = [
        Way(
            "the photograph",
            lambda square: look_at_photograph(lambda some: model.run(some).probabilities, classes, square),
        ),
        Way("feature maps", model.look),
    ]
    for number in np.linspace(0, len(split) - 1, min(count, len(split))).round().astype(int):
        square = np.array(split.images[number])
        drawn = np.random.default_rng(number).permutation(PARTS**2)
        measure = None
        for way in ways:
            began = time.process_time()
            seen = way.look(square)
            way.seconds.append(time.process_time() - began)
            label = int(seen.before.argmax())
            found = evidence(float(seen.before[label]), seen.after[:, label]).ravel()
            measure = found if measure is None else measure
            way.ranks.append(float(spearmanr(measure, found).statistic))
            order = np.argsort(found)
            after = model.run(np.stack([hidden(square, one) for one in (order[::-1], drawn, order)])).probabilities
            way.falls.append(np.log(seen.before[label]) - np.log(np.maximum(after[:, label].astype(np.float64), 1e-9)))
        print(f"  {name}: {len(ways[0].falls)}", end="\r", flush=True)
    if seen.method != OF_MAPS:
        raise SystemExit(f"{export}: {model.description.looked}")
    return [way.row(name) for way in ways]


def main() -> None:
    """Print the table and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("models", nargs="+", metavar="NAME=EXPORT:ARRAYS")
    parser.add_argument("--count", type=int, default=40, help="photographs of each model")
    options = parser.parse_args()
    table = []
    for text in options.models:
        name, _, places = text.partition("=")
        export, _, arrays = places.rpartition(":")
        table += rows(name, Path(export), Path(arrays), options.count)
        print("\n".join(table[-2:]))
    names = " ".join(f"'{text.partition('=')[0]}=EXPORT:ARRAYS'" for text in options.models)
    head = HEAD.format(sets=names).replace("COUNT", str(options.count))
    PAGE.write_text(head + "\n".join(table) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

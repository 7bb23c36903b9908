"""Inference: probabilities for photographs, from arrays or from files."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from lithoscope.data.images.decode import read, read_photograph
from lithoscope.data.images.reading import UnreadablePhotograph, file_and_page, page_path
from lithoscope.data.images.square import to_square
from lithoscope.models.classifier import Classifier
from lithoscope.models.ensemble import Ensemble, Views
from lithoscope.models.saved_model import ModelDescription, load_model, with_weights
from lithoscope.models.temperature import tempered

BATCH = 64  # fixed: another batch size may change the last digits


@dataclass(frozen=True)
class Prediction:
    """What the model says of one file.

    Attributes:
        path: The file.
        label: Most probable class, or None where the file could not be read.
        confidence: Its probability, at the model's temperature.
        probabilities: Of all classes, float32 (classes,); empty where the file could not be read.
        problem: Why the file could not be read.
    """

    path: Path
    label: str | None
    confidence: float
    probabilities: npt.NDArray[np.float32]
    problem: str | None = None


class Predictor:
    """A trained model, of one network or several, that classifies photographs in as many views as it was saved with.

    Attributes:
        network: The network, in evaluation mode.
        scorer: The network averaged over its views; what the figures and the predictions come from.
        description: What ``model.json`` says.
    """

    def __init__(self, network: Classifier | Ensemble, description: ModelDescription) -> None:
        self.network, self.description = network, description
        self.scorer = Views(network, description.views).eval()

    @classmethod
    def load(cls, folder: Path) -> "Predictor":
        """Read a model folder such as ``build/model``."""
        return cls(*load_model(folder))

    @classmethod
    def of_state(cls, description: ModelDescription, state: Mapping[str, torch.Tensor]) -> "Predictor":
        """Return the predictor of a model that is not saved; see :func:`lithoscope.models.saved_model.save_model`."""
        return cls(with_weights(description.architecture, state), description)

    def logits(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return logits, float32 (n, classes), for squares, uint8 (n, size, size, 3) RGB; a memory map will do.

        With several members or views, they are the logarithm of the mean probabilities. The temperature is not in them.
        """
        parts = [np.empty((0, len(self.description.classes)), np.float32)]
        with torch.inference_mode():
            for start in range(0, len(images), BATCH):
                pixels = torch.from_numpy(np.array(images[start : start + BATCH]))  # a copy: the map is read-only
                parts.append(self.scorer(pixels.permute(0, 3, 1, 2)).float().numpy())
        return np.concatenate(parts)

    def probabilities(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return calibrated probabilities, float32 (n, classes), for squares, uint8 (n, size, size, 3) RGB."""
        return tempered(self.logits(images), self.description.temperature)

    def square(self, photograph: Image.Image) -> npt.NDArray[np.uint8]:
        """Prepare a photograph as the training did: crop, pad, resize; uint8 (size, size, 3)."""
        return to_square(photograph, self.description.architecture.image_size, self.description.crop_border)

    def read_square(self, path: Path) -> npt.NDArray[np.uint8]:
        """Read a file and prepare it as the training did; uint8 (size, size, 3).

        Raises:
            UnreadablePhotograph: With the reason.
        """
        return self.square(read_photograph(path, self.description.reading))

    def predict_files(self, paths: Sequence[Path]) -> Iterator[Prediction]:
        """Classify files in batches, or each page of them; one that cannot be read gives a prediction that says why."""
        pages = [page for path in paths for page in self._pages(path)]
        for start in range(0, len(pages), BATCH):
            yield from self._predict_batch(pages[start : start + BATCH])

    def _pages(self, path: Path) -> list[Path]:
        """Return the pages of a file that are photographs of their own: the file itself, or those after it too."""
        if self.description.reading.pages != "each" or not path.is_file():
            return [path]
        try:
            count = read(path, self.description.reading).pages
        except UnreadablePhotograph:
            return [path]
        return [Path(page_path(str(path), number)) for number in range(1, count + 1)]

    def _predict_batch(self, paths: Sequence[Path]) -> list[Prediction]:
        squares: dict[Path, npt.NDArray[np.uint8]] = {}
        problems: dict[Path, str] = {}
        for path in paths:
            if not file_and_page(path)[0].is_file():  # a pipe, say, which would never end
                problems[path] = "not a regular file"
                continue
            try:
                squares[path] = self.read_square(path)
            except UnreadablePhotograph as problem:
                problems[path] = str(problem)
        found = dict(zip(squares, self.probabilities(np.stack(list(squares.values()))), strict=True)) if squares else {}
        classes = self.description.classes
        return [
            Prediction(path, classes[int(found[path].argmax())], float(found[path].max()), found[path])
            if path in found
            else Prediction(path, None, 0.0, np.empty(0, np.float32), problems[path])
            for path in paths
        ]

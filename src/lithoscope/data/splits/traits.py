"""What the split takes from a photograph, which is decoded for it once: its square, and what tells copies of it."""

import io
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from PIL import Image

from lithoscope.data.engines.tasks import Task, Wanted
from lithoscope.data.fetching.by_address import FETCHED_AT_ONCE, Reader
from lithoscope.data.images.decode import read_downloaded
from lithoscope.data.images.perceptual_hash import perceptual_hash
from lithoscope.data.images.reading import ReadingSettings
from lithoscope.data.images.square import to_square, uniform_border
from lithoscope.data.packed.shards import Pixels
from lithoscope.data.splits.texture_match import Grey, thumbnail

STRETCHED = 32
"""Side of the pictures that tell in a moment whether two are worth a closer look, pixels; stretched to squares."""

Box = tuple[int, int, int, int]
"""Left, top, right, bottom, as Pillow's ``crop`` takes them."""


class Traits(NamedTuple):
    """What is kept of a photograph to find its copies, about 11 KB.

    Attributes:
        thumbnail: Without its uniform border, uint8 (height, width), the longer side
            :data:`lithoscope.data.splits.texture_match.SIDE`.
        whole: Stretched, uint8 (:data:`STRETCHED`, :data:`STRETCHED`).
        inner: The same without its border.
        phash: Perceptual hash without its border, 16 hexadecimal digits.
    """

    thumbnail: Grey
    whole: Grey
    inner: Grey
    phash: str


def traits_of(image: Image.Image, phash: str, box: Box | None = None) -> Traits:
    """Take what is kept of a photograph.

    Args:
        image: Upright, RGB.
        phash: Its :func:`lithoscope.data.images.perceptual_hash.perceptual_hash`.
        box: Its :func:`lithoscope.data.images.square.uniform_border`, where that is known.
    """
    box = box or uniform_border(image)
    grey = image.convert("L")
    whole = _stretch(grey)
    if box == (0, 0, *image.size):
        return Traits(thumbnail(grey), whole, whole, phash)
    inner = grey.crop(box)
    return Traits(thumbnail(inner), whole, _stretch(inner), perceptual_hash(inner))


def _stretch(grey: Image.Image) -> Grey:
    return np.asarray(grey.resize((STRETCHED, STRETCHED), Image.Resampling.BICUBIC))


class FramedTraits(NamedTuple):
    """A photograph's square, uint8 (side, side, 3), and what tells its copies."""

    square: Pixels
    traits: Traits


@dataclass(frozen=True)
class Framing(Task[FramedTraits]):
    """Frames a photograph and takes its traits; a :class:`lithoscope.data.engines.tasks.Task`.

    Attributes:
        settings: How to read.
        side: Of the square, pixels.
        crop: Whether a uniform border is cut away before.
        reader: Reads those that lie at addresses, by what the index calls them; None where there are none.
    """

    settings: ReadingSettings
    side: int
    crop: bool
    reader: Reader | None = field(default=None, repr=False)

    @property
    def size(self) -> int:
        """Bytes of the square and the traits."""
        return 3 * self.side**2 + 2**14

    @property
    def at_once(self) -> int:
        """More than there are cores where photographs are fetched."""
        return FETCHED_AT_ONCE if self.reader else 0

    def stop(self) -> None:
        """End what is being fetched."""
        if self.reader:
            self.reader.by_address.stop()

    def __call__(self, photograph: Wanted) -> FramedTraits:
        """Frame a photograph that the download stage could read.

        Raises:
            LithoscopeError: It cannot be read any more, or it has changed where it lies.
        """
        if self.reader and photograph.address:
            image = self.reader(photograph.identity)
        else:
            image = read_downloaded(photograph.file, self.settings, photograph.content)
        box = uniform_border(image)
        square = to_square(image.crop(box) if self.crop else image, self.side, crop_border=False)
        return FramedTraits(square, traits_of(image, photograph.phash, box))

    def pack(self, made: FramedTraits) -> bytes:
        """Write down what was made, as NumPy does."""
        stream = io.BytesIO()
        traits = made.traits._asdict() | {"phash": np.uint64(int(made.traits.phash, 16))}
        np.savez(stream, square=made.square, **traits)
        return stream.getvalue()

    def unpack(self, content: bytes) -> FramedTraits:
        """Undo :meth:`pack`."""
        with np.load(io.BytesIO(content), allow_pickle=False) as kept:
            traits = Traits(kept["thumbnail"], kept["whole"], kept["inner"], f"{int(kept['phash']):016x}")
            return FramedTraits(kept["square"], traits)

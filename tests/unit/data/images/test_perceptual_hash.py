import imagehash
import numpy as np
import pytest
from PIL import Image

from lithoscope.data.images.perceptual_hash import perceptual_hash


def smooth(seed: int, size: tuple[int, int]) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def test_it_forgets_scale_and_compression_but_not_the_picture() -> None:
    picture = smooth(0, (120, 120))

    def distance(other: Image.Image) -> int:
        return (int(perceptual_hash(picture), 16) ^ int(perceptual_hash(other), 16)).bit_count()

    assert len(perceptual_hash(picture)) == 16
    assert distance(picture.resize((300, 300))) <= 4
    assert distance(picture.transpose(Image.Transpose.ROTATE_90)) > 16


@pytest.mark.parametrize("seed", range(40))
def test_it_is_the_hash_of_the_library_bit_for_bit(seed: int) -> None:
    picture = smooth(seed, (70 + 5 * seed, 230 - 4 * seed))
    assert perceptual_hash(picture) == str(imagehash.phash(picture))
    grey = picture.convert("L")
    assert perceptual_hash(grey) == str(imagehash.phash(grey))


@pytest.mark.parametrize("grey", [1, 77, 128, 255])
def test_a_picture_of_one_colour_has_no_frequency_but_its_lightness(grey: int) -> None:
    even = Image.new("RGB", (50, 60), (grey,) * 3)
    assert perceptual_hash(even) == str(imagehash.phash(even)) == "8000000000000000"

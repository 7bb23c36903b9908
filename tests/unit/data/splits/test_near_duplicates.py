import errno
import io
import tempfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance
from scipy.ndimage import gaussian_filter

from lithoscope.data.images.perceptual_hash import perceptual_hash
from lithoscope.data.splits.hash_index import oriented_hashes
from lithoscope.data.splits.near_duplicates import Match, group_numbers, near_duplicates
from lithoscope.data.splits.texture_match import SAME, oriented, similarity, thumbnail
from lithoscope.data.splits.traits import Traits, traits_of

SUBJECT = (320, 240)


def grainy(seed: int, width: int = SUBJECT[0], height: int = SUBJECT[1]) -> Image.Image:
    """A picture with structure of all sizes, as a rock has it."""
    random = np.random.default_rng(seed)
    layers = [
        gaussian_filter(random.normal(size=(height, width, 3)), (size, size, 0)) * size for size in (1.5, 4, 12, 40)
    ]
    values = np.sum(layers, axis=0)
    scaled = 128 + 45 * (values - values.mean()) / values.std()
    return Image.fromarray(np.clip(scaled, 0, 255).astype(np.uint8))


def on_white(rock: Image.Image, margin: int) -> Image.Image:
    """An oval piece of a picture on a white ground."""
    mask = Image.new("L", rock.size)
    ImageDraw.Draw(mask).ellipse((0, 0, rock.width - 1, rock.height - 1), fill=255)
    canvas = Image.new("RGB", (rock.width + 2 * margin, rock.height + 2 * margin), "white")
    canvas.paste(rock, (margin, margin), mask)
    return canvas


def as_jpeg(picture: Image.Image, quality: int = 40) -> Image.Image:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=quality)
    return Image.open(stream).convert("RGB")


def found(*pictures: Image.Image) -> list[Match]:
    hashes = [perceptual_hash(one) for one in pictures]
    return near_duplicates(hashes, map(traits_of, pictures, hashes), threads=2)


ROCK = grainy(1)
COPIES = {
    "saved again": as_jpeg(ROCK),
    "scaled down": ROCK.resize((150, 112), Image.Resampling.BICUBIC),
    "brighter": ImageEnhance.Brightness(ROCK).enhance(1.2),
    "grey": ROCK.convert("L").convert("RGB"),
    "mirrored": ROCK.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "upside down": ROCK.transpose(Image.Transpose.ROTATE_180),
    "on its side": ROCK.transpose(Image.Transpose.ROTATE_90),
    "mirrored on its side": ROCK.transpose(Image.Transpose.TRANSVERSE),
    "trimmed a little": ROCK.crop((6, 4, 312, 236)),
    "stretched a little": ROCK.resize((330, 235), Image.Resampling.BICUBIC),
}


@pytest.mark.parametrize("change", COPIES)
def test_the_same_picture_is_found_however_it_was_saved_and_turned(change: str) -> None:
    matches = found(grainy(2), ROCK, grainy(3), COPIES[change])
    assert [(match.first, match.second) for match in matches] == [(1, 3)]
    assert matches[0].similarity >= SAME


def test_the_same_picture_in_another_margin_is_found() -> None:
    assert [(one.first, one.second) for one in found(on_white(ROCK, 10), on_white(ROCK, 120))] == [(0, 1)]


def test_a_copy_with_a_caption_is_found() -> None:
    captioned = Image.new("RGB", (ROCK.width, ROCK.height + 14), "black")
    captioned.paste(ROCK)
    ImageDraw.Draw(captioned).text((4, ROCK.height), "a stock of photographs", fill="white")
    assert len(found(ROCK, captioned)) == 1


def test_different_rocks_of_one_outline_on_white_are_not_the_same() -> None:
    pictures = [on_white(grainy(seed), 30) for seed in range(8)]
    small = np.array([np.asarray(one.convert("L").resize((32, 32))).ravel() for one in pictures], dtype=float)
    assert np.corrcoef(small).min() > 0.6  # alike in lightness
    assert found(*pictures) == []


def test_pictures_without_texture_are_never_taken_for_the_same() -> None:
    smooth = [Image.new("RGB", (100, 80), colour) for colour in ("white", "white", (30, 90, 160))]
    assert found(*smooth) == []


def test_similarity_has_a_margin_on_both_sides() -> None:
    same = [similarity(thumbnail(ROCK), thumbnail(COPIES[name])) for name in ("saved again", "trimmed a little")]
    different = [similarity(thumbnail(ROCK), thumbnail(grainy(seed))) for seed in range(2, 8)]
    assert min(same) > SAME + 0.1
    assert max(different) < SAME - 0.2


def test_a_part_of_a_picture_is_similar_to_it() -> None:
    assert similarity(thumbnail(ROCK), thumbnail(ROCK.crop((60, 20, 300, 200)))) > SAME


def test_hashes_turn_as_pictures_do() -> None:
    own = np.array([int(perceptual_hash(ROCK), 16)], dtype=np.uint64)
    expected = oriented_hashes(own)[:, 0]
    pixels = np.asarray(ROCK)
    for orientation in range(8):
        turned = np.stack([oriented(pixels[..., channel], orientation) for channel in range(3)], axis=2)
        digest = np.uint64(int(perceptual_hash(Image.fromarray(turned)), 16))
        assert np.bitwise_count(digest ^ expected[orientation]) <= 6


def test_groups_join_what_hangs_together() -> None:
    matches = [Match(0, 2, 0.9, 0, 3), Match(2, 5, 0.8, 1, 4)]
    numbers = group_numbers(["a", "b", "c", "b", "d", "e", "f"], matches).tolist()
    assert numbers[0] == numbers[2] == numbers[5]
    assert numbers[1] == numbers[3]
    assert len(set(numbers)) == 4


def test_what_is_kept_of_the_photographs_has_its_whole_place_on_the_disk_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    missing: list[int] = []

    def look(phash: str) -> Traits:
        for file in filter(Path.is_file, tmp_path.rglob("*")):
            missing.append(file.stat().st_size - file.stat().st_blocks * 512)
        return traits_of(ROCK, phash)

    hashes = ["0" * 16, "f0" * 8]
    near_duplicates(hashes, map(look, hashes))
    assert len(missing) == 2 * 2
    assert max(missing) <= 0, "a hole in a file: where the disk fills up, writing to it ends the process with SIGBUS"


def test_a_disk_too_small_for_it_is_an_error_before_the_first_photograph(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(small_disk))
    with pytest.raises(OSError) as caught:
        near_duplicates(["0" * 16] * 40, (pytest.fail("read a photograph") for _ in range(40)))
    assert caught.value.errno == errno.ENOSPC
    assert list(small_disk.iterdir()) == []


def test_few_photographs_have_no_duplicates() -> None:
    assert found() == []
    assert found(ROCK) == []
    assert group_numbers(["a"], []).tolist() == [0]

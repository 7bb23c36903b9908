"""The renderer draws a picture from its key alone, writes the documented layout and agrees with the shipped files."""

import csv
import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lithoscope.core.errors import LithoscopeError
from lithoscope.core.random_streams import generator
from lithoscope.data.synthetic import PAINTERS, PICTURE_SIZE, SHIPPED_SEED, draw_scene, draw_specimens
from lithoscope.data.synthetic.colours import encode, linear, thin_film
from lithoscope.data.synthetic.noise import Field, Grid, fractal
from lithoscope.data.synthetic.relief import Material, Relief
from lithoscope.data.synthetic.shading import Light, cast_shadow
from lithoscope.data.synthetic.solids import cuboid, meet

SHIPPED = Path(__file__).parents[4] / "data" / "specimens"


def files(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scenes are rendered on few points, in a sixth of the time."""
    monkeypatch.setattr("lithoscope.data.synthetic.scene._FINE_SIZE", 60)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One training and one test picture of every class, on few points."""
    folder = tmp_path_factory.mktemp("drawn") / "specimens"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("lithoscope.data.synthetic.scene._FINE_SIZE", 60)
        draw_specimens(folder, train_per_class=1, test_per_class=1)
    return folder


@pytest.mark.usefixtures("coarse")
@pytest.mark.parametrize("label", PAINTERS)
def test_a_picture_is_drawn_from_its_key_alone(label: str) -> None:
    first = draw_scene(5, "train", label, 3)
    draw_scene(5, "test", "pyrite", 1)  # another picture in between changes nothing
    second = draw_scene(5, "train", label, 3)
    np.testing.assert_array_equal(first.pixels, second.pixels)
    assert first.parameters == second.parameters
    assert first.pixels.shape == (PICTURE_SIZE, PICTURE_SIZE, 3)
    assert first.pixels.std() > 5  # not a blank sheet


@pytest.mark.usefixtures("coarse")
def test_another_seed_split_or_number_gives_another_picture() -> None:
    keys = [(5, "train", 1), (6, "train", 1), (5, "test", 1), (5, "train", 2)]
    pictures = [draw_scene(seed, split, "malachite", index).pixels.astype(float) for seed, split, index in keys]
    for other in pictures[1:]:
        assert np.abs(pictures[0] - other).mean() > 5


@pytest.mark.usefixtures("coarse")
def test_number_of_pictures_does_not_change_a_picture(small: Path, tmp_path: Path) -> None:
    draw_specimens(tmp_path / "more", train_per_class=2, test_per_class=0)
    few, more = files(small), files(tmp_path / "more")
    shared = {name for name in few if name.startswith("train/")}
    assert len(shared) == len(PAINTERS)
    assert {name: few[name] for name in shared} == {name: more[name] for name in shared}
    assert sum(name.startswith("train/") for name in more) == 2 * len(PAINTERS)
    assert not any(name.startswith("test/") for name in more)


def test_layout_and_catalogue(small: Path) -> None:
    expected = {f"{split}/{label}/{label}_001.jpg" for split in ("train", "test") for label in PAINTERS}
    assert set(files(small)) == expected | {"README.md", "catalogue.csv"}
    with (small / "catalogue.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["path"] for row in rows} == expected
    for row in rows:
        assert row["path"].split("/")[:2] == [row["split"], row["label"]]
        assert row["habit"]
        assert row["background"]
        assert float(row["scale"]) > 0
    assert "\r" not in (small / "catalogue.csv").read_bytes().decode("utf-8")
    note = (small / "README.md").read_text(encoding="utf-8")
    assert "synthetic" in note
    assert "lithoscope specimens PATH" in note


def test_files_are_jpeg_with_halved_colour(small: Path) -> None:
    with Image.open(small / "test" / "quartz" / "quartz_001.jpg") as image:
        assert image.format == "JPEG"
        assert image.size == (PICTURE_SIZE, PICTURE_SIZE)
        assert [component[1:3] for component in image.layer] == [(2, 2), (1, 1), (1, 1)]  # type: ignore[attr-defined]


@pytest.mark.usefixtures("coarse")
def test_progress_is_told_per_class(tmp_path: Path) -> None:
    lines: list[str] = []
    draw_specimens(tmp_path / "new", train_per_class=1, test_per_class=0, progress=lines.append)
    assert len(lines) == len(PAINTERS)
    assert lines[-1] == "7 of 7 pictures drawn (train, quartz)"


def test_a_folder_in_use_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(LithoscopeError, match="not an empty folder"):
        draw_specimens(tmp_path, train_per_class=1)
    with pytest.raises(LithoscopeError, match="not an empty folder"):
        draw_specimens(tmp_path / "mine.txt", train_per_class=1)
    assert files(tmp_path).keys() == {"mine.txt"}


def test_a_negative_count_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LithoscopeError, match="test_per_class is -1"):
        draw_specimens(tmp_path / "new", test_per_class=-1)


@pytest.mark.skipif(not SHIPPED.is_dir(), reason="data/specimens is not there: `dvc pull data.dvc` brings it")
@pytest.mark.parametrize("label", PAINTERS)
@pytest.mark.parametrize(("split", "index"), [("train", 100), ("test", 7)])
def test_shipped_files_are_what_the_renderer_draws(split: str, label: str, index: int) -> None:
    scene = draw_scene(SHIPPED_SEED, split, label, index)
    stored = io.BytesIO()
    Image.fromarray(scene.pixels).save(stored, "JPEG", quality=scene.quality, subsampling="4:2:0", optimize=True)
    with Image.open(SHIPPED / split / label / f"{label}_{index:03d}.jpg") as image:
        shipped = np.asarray(image)
    with Image.open(stored) as image:
        np.testing.assert_array_equal(np.asarray(image), shipped)


def test_colours_survive_the_round_trip_through_linear_light() -> None:
    np.testing.assert_allclose(encode(linear("#0a80ff")) * 255, [10, 128, 255], atol=1e-9)


def test_a_quarter_wave_film_puts_out_its_colour() -> None:
    dark_in_green = thin_film(np.array([[545.0 / 4]]))[:, 0, 0]
    assert dark_in_green.argmin() == 1
    assert dark_in_green[1] == pytest.approx(0.0, abs=1e-12)
    np.testing.assert_allclose(thin_film(np.zeros((1, 1))), 1.0)


def test_noise_is_centred_scaled_and_finer_with_more_cells() -> None:
    coarse, fine = (fractal(generator(1, "test", cells), 64, cells, 1) for cells in (3, 16))
    for noise in (coarse, fine):
        assert noise.mean() == pytest.approx(0.0, abs=1e-12)
        assert noise.std() == pytest.approx(1.0)
    assert np.abs(np.diff(fine)).mean() > 2 * np.abs(np.diff(coarse)).mean()


def test_a_box_is_met_where_it_is() -> None:
    grid = Grid(40)
    hit = meet(grid, cuboid(np.array([0.8, 0.4, 0.6]), np.eye(3), np.array([0.1, -0.2, 0.5])))
    assert hit is not None
    top = hit.mask & (hit.normal[2] > 0.99)
    assert top.sum() * grid.step**2 == pytest.approx(0.8 * 0.4, rel=0.05)
    np.testing.assert_allclose(hit.z[top], 0.8, atol=1e-4)
    np.testing.assert_allclose(hit.depth[top], 0.6, atol=1e-4)
    assert meet(grid, cuboid(np.ones(3) * 0.1, np.eye(3), np.array([5.0, 0.0, 0.0]))) is None


def test_the_nearer_surface_is_seen_whatever_the_order() -> None:
    results = []
    for order in ((0.3, 0.7), (0.7, 0.3)):
        relief = Relief(Grid(4))
        for height in order:
            plane = np.full((4, 4), height)
            material = Material(np.full(3, height))
            relief.paint(relief.full_window(), plane > 0, plane, relief.normal.copy(), material)
        results.append(relief.albedo)
    for albedo in results:
        np.testing.assert_array_equal(albedo, 0.7)


def test_a_block_casts_its_shadow_away_from_the_lamp() -> None:
    height = np.zeros((60, 60))
    height[25:35, 25:35] = 0.4
    rise = np.deg2rad(45)
    to_the_right = np.array([np.cos(rise), 0.0, np.sin(rise)])
    light = Light(to_the_right, np.ones(3), np.ones(3), softness=0.0, fill=0.0, room=Field(generator(1, "test")))
    shadow = cast_shadow(height, 2 / 60, light)
    assert shadow[30, 20] > 0.8  # left of the block; the lamp stands on the right
    assert shadow[30, 40] < 0.1
    assert shadow[30, 5] < 0.1  # beyond the end of the shadow

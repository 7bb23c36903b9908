"""Small photographs written where a test wants them."""

import zlib
from pathlib import Path

import numpy as np
from PIL import Image


def photograph(path: Path, seed: int | None = None, size: tuple[int, int] = (40, 36), **options: object) -> Path:
    """Write a photograph of noise; without a seed, its content follows from its path's last two parts."""
    key = zlib.crc32("/".join(path.parts[-2:]).encode("utf-8", "surrogateescape")) if seed is None else seed
    pixels = np.random.default_rng(key).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = {"jpg": "JPEG", "png": "PNG", "gif": "GIF"}.get(path.suffix.lstrip("."), "PNG")
    with path.open("wb") as stream:
        Image.fromarray(pixels).save(stream, kind, **options)
    return path


def class_folders(root: Path, *labels: str, each: int = 2, below: str = "") -> Path:
    """Make one folder a class with photographs in each."""
    for label in labels:
        for number in range(each):
            photograph(root / below / label / f"{number}.png")
    return root


def tree(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder with its content."""
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}

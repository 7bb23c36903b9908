#!/bin/sh
# Pillow 13.0.0 reads a 16-bit grey TIFF whose zero is white (PhotometricInterpretation 0) as its negative; of 8 bits it is right.
# Runs without Lithoscope, on a valid file made in place; fails where the behaviour is another one by now.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --target "$folder" 'pillow==13.0.0' 'tifffile==2026.3.3' 'numpy>=2.4'
PYTHONPATH=$folder python3 - <<'PYTHON'
import io

import numpy as np
import PIL
import tifffile
from PIL import Image

from_black_to_white = np.tile(np.arange(256, dtype=np.uint8), (64, 1))
ends = {}
for bits, kind, top in [(8, np.uint8, 255), (16, np.uint16, 65535)]:
    stored = (top - from_black_to_white.astype(np.int64) * (top // 255)).astype(kind)  # white is 0
    file = io.BytesIO()
    tifffile.imwrite(file, stored, photometric="miniswhite")
    file.seek(0)
    with Image.open(file) as image:
        pixels = np.asarray(image)
        ends[bits] = int(pixels[0, 0]), int(pixels[0, -1])
        print(f"Pillow {PIL.__version__}, {bits} bits: mode {image.mode}, black is read as {ends[bits][0]}, white as {ends[bits][1]}")
assert ends[8] == (0, 255), "8 bits are read right"
assert ends[16] == (65535, 0), "16 bits are read right by now"
print("found: 16 bits are inverted, 8 bits are not")
PYTHON

#!/bin/sh
# Pillow 13.0.0 reads the brightest values of an RGB JPEG 2000 of 12 or 16 bits as 0: white becomes black.
# Runs without Lithoscope, on a valid file made in place; fails where the behaviour is another one by now.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --target "$folder" 'pillow==13.0.0' 'imagecodecs==2026.3.6' 'numpy>=2.4'
PYTHONPATH=$folder python3 - <<'PYTHON'
import io

import imagecodecs
import numpy as np
import PIL
from PIL import Image

white = {}
for bits in (8, 12, 16):
    ramp = np.linspace(0, 2**bits - 1, 256).round().astype(np.uint8 if bits == 8 else np.uint16)
    picture = np.stack([np.tile(ramp, (64, 1))] * 3, axis=-1)
    content = imagecodecs.jpeg2k_encode(picture, level=0, bitspersample=bits)
    assert (imagecodecs.jpeg2k_decode(content) == picture).all(), "the file holds the picture, without loss"
    with Image.open(io.BytesIO(content)) as image:
        pixels = np.asarray(image)
        white[bits] = pixels[0, -1].tolist()
        print(f"Pillow {PIL.__version__}, {bits} bits: mode {image.mode}, grey is read as {pixels[0, 127].tolist()}, white as {white[bits]}")
assert white[8] == [255] * 3, "8 bits are read right"
assert white[12] == white[16] == [0] * 3, "12 and 16 bits are read right by now"
print("found: white is black in 12 and 16 bits")
PYTHON

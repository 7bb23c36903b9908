#!/bin/sh
# Pillow 13.0.0 reads an unpacked TIFF of 16-bit RGB in separate planes as if it had 8 bits: low and high bytes become pixels.
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

ramp = np.tile(np.linspace(0, 65535, 256).round().astype(np.uint16), (64, 1))
planes = np.stack([ramp, ramp[:, ::-1], ramp // 2])
wanted = np.moveaxis(planes >> 8, 0, -1).astype(int)
errors = {}
for name, compression in [("unpacked", None), ("deflate", "deflate")]:
    file = io.BytesIO()
    tifffile.imwrite(file, planes, photometric="rgb", planarconfig="separate", compression=compression)
    file.seek(0)
    with Image.open(file) as image:
        errors[name] = float(np.abs(np.asarray(image).astype(int) - wanted).mean())
        print(f"Pillow {PIL.__version__}, {name}: mode {image.mode}, mean error {errors[name]:.1f} of 255")
assert errors["deflate"] < 1, "the same pixels, packed, are read right"
assert errors["unpacked"] > 50, "the unpacked ones are right by now"
print("found: wrong where unpacked, right where packed")
PYTHON

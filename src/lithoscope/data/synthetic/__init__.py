"""A renderer of synthetic mineral specimens: the data set that comes with the project.

:func:`draw_specimens` writes the set, :func:`draw_scene` draws one picture. NumPy computes in float64 throughout, so
that the last digits, in which processors differ, stay far below one step of an 8-bit picture.
"""

from lithoscope.data.synthetic.files import SHIPPED_SEED, TEST_PER_CLASS, TRAIN_PER_CLASS, draw_specimens
from lithoscope.data.synthetic.scene import PAINTERS, PICTURE_SIZE, Scene, draw_scene

__all__ = [
    "PAINTERS",
    "PICTURE_SIZE",
    "SHIPPED_SEED",
    "TEST_PER_CLASS",
    "TRAIN_PER_CLASS",
    "Scene",
    "draw_scene",
    "draw_specimens",
]

"""Counter-based random streams, which depend on what they are for, never on how many draws came before.

A killed and resumed run, a run on two processes and a run on one therefore see the same numbers.
"""

import hashlib

import numpy as np


def generator(seed: int, purpose: str, *keys: int | str) -> np.random.Generator:
    """Return the random stream for one purpose.

    Args:
        seed: The experiment's seed.
        purpose: What the numbers are for, e.g. ``"augment"``; different purposes give independent streams.
        keys: What else the draw belongs to, e.g. an epoch and a photograph's id.

    Returns:
        A NumPy generator (Philox, counter-based: Salmon et al. 2011) keyed by a hash of all arguments.
    """
    text = "\x1f".join([str(seed), purpose, *(f"{type(key).__name__}:{key}" for key in keys)])
    digest = hashlib.sha256(text.encode()).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16], "little")))


def integer_seed(seed: int, purpose: str, *keys: int | str) -> int:
    """Return a 63-bit seed for libraries that take an integer (``torch.Generator``), keyed like :func:`generator`."""
    return int(generator(seed, purpose, *keys).integers(0, 2**63 - 1))

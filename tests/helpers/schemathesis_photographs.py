"""Photographs for Schemathesis, which loads this file because ``SCHEMATHESIS_HOOKS`` names it.

Its own pictures have one pixel, which no model answers; some real ones let the answers be held against the API's
description too.
"""

import schemathesis
from hypothesis import strategies

from helpers.served_model import picture

schemathesis.openapi.format(
    "binary",
    strategies.one_of(
        strategies.sampled_from([picture((90, 60, 30), kind) for kind in ("PNG", "JPEG", "WEBP")]),
        strategies.binary(max_size=200),
    ),
)

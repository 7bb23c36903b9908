"""Photographs: where they come from, how they are decoded, split, packed and batched."""

"""Splits decoded once, in arrays that are memory-mapped when read."""

"""Answers that know their limits: none of these, sets of classes, coarser classes. NumPy alone, so that serving may."""

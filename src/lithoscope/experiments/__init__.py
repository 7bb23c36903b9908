"""Whole runs: recipes, DVC experiments, cross-validation, comparison and recording. No stage imports it."""

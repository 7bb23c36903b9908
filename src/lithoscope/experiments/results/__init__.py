"""``docs/results.md``: the table of finished runs, rebuilt from ``results/``."""

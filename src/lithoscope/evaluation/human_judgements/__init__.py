"""Comparison with human judgements of the same photographs; see docs/people.md."""

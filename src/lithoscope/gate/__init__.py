"""Regression gate: a verdict on two runs' results, from what Git holds of them."""

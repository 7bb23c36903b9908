"""The commands, and the only place that prints for a person."""

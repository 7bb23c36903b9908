"""What a model is worth, and why."""

"""``params.yaml``: typed and validated."""

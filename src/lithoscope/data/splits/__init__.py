"""Training, validation and test, with no photograph on two sides."""

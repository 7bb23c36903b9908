"""Where photographs come from: one class a set, one registry."""

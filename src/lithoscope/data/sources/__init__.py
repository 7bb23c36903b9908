"""Where photographs come from: one class a set, and what lists files and unpacks archives for them."""

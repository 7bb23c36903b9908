"""One photograph: decoded from whatever file it lies in, and framed as a square."""

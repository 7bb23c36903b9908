"""Who works on photographs beside threads of this machine: a Ray cluster."""

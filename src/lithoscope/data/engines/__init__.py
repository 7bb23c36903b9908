"""Who prepares photographs: threads of one machine, or a Ray cluster; the results are the same."""

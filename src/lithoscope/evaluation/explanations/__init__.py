"""What a model looked at: evidence in the photograph, neighbours among its training, a map, suspect labels."""

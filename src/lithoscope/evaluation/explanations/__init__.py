"""Explanations: attribution maps, nearest neighbours, projections of the embedding, label issues."""

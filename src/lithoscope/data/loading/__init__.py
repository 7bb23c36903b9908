"""Batches of packed photographs, augmented anew in every epoch."""

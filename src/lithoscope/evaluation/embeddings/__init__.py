"""Embeddings: the features of frozen and of trained backbones."""

"""Serving of trained models."""

"""Lithoscope: a reproducible pipeline that classifies photographs of rocks and minerals."""

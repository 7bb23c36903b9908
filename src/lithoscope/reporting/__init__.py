"""Figures, contact sheets and the report's page."""

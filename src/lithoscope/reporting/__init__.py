"""Reporting: figures, contact sheets and the report's page."""

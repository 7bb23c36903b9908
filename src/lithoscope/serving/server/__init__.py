"""HTTP server: an API and a page that name photographs, on loopback unless told otherwise; no torch, no MLflow."""

"""Statistics: confidence intervals and paired tests."""

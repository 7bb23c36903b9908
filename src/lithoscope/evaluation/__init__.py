"""Evaluation of trained models: metrics, calibration, statistics, explanations and human judgements."""

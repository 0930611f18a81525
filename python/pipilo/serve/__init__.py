"""Pipelines and functions as services."""

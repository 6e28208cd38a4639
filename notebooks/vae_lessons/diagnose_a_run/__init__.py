"""Notebook 11: diagnose a run."""

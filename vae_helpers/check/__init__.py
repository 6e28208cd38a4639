"""Checks of the learner's answers to exercises."""

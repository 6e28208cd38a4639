"""The engine of the checks of exercises."""

"""What belongs to notebook 05 alone."""

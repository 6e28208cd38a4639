"""What belongs to notebook 10 alone."""

"""What belongs to notebook 09 alone."""

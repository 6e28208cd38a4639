"""What belongs to notebook 07 alone."""

"""What belongs to notebook 00 alone."""

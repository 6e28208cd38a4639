"""What belongs to notebook 02 alone."""

"""What belongs to notebook 03 alone."""

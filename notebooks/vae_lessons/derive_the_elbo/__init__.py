"""What belongs to notebook 01 alone."""

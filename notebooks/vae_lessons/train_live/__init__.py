"""What belongs to notebook 04 alone."""

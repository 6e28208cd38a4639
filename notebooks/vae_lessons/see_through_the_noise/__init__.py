"""What belongs to notebook 06 alone."""

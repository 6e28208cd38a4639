"""What belongs to notebook 08 alone."""

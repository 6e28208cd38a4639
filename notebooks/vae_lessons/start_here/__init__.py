"""Code that only notebook 00 uses."""

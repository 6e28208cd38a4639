"""Code that only notebook 03 uses."""

"""Code of notebook 00; later notebooks also use parts of it."""

"""Right answers to the exercises, written otherwise than the solutions: layer 3 fills them in."""

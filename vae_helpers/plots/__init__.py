"""Style and display of all figures, and the figures that several lessons draw.

A plot is a function from arrays to a matplotlib `Figure` with an attribute `caption`, which states
the finding in words. Figures are made without pyplot, whose global state is unsafe in the
callback of a widget.
"""

"""What all figures share, and the few figures that several lessons draw.

A figure is a function from arrays to a matplotlib `Figure`, which carries a `caption`, the same
finding in words. Figures are made without pyplot, whose global state is unsafe in a widget's
callback.
"""

"""The notebooks as web pages: build.py writes them, with Sphinx, MyST-NB and Furo.

A package because MyST-NB takes a renderer and a function for anchors only from an installed one.
"""

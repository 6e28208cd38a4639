"""The notebooks as web pages: build.py writes them, with Sphinx, MyST-NB and Furo.

It is a package because MyST-NB finds its renderer and anchor function only in installed packages.
"""

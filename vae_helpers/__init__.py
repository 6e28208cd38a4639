"""The plumbing of the notebook series on variational autoencoders.

Everything here was taught in a notebook first. Import modules by name:
``from vae_helpers import data, elbo, plots``.
"""

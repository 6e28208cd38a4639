"""The plumbing of the notebook series on variational autoencoders.

What is here serves several notebooks; what belongs to one of them is in `vae_lessons`. Import
modules by name, and before torch: ``from vae_helpers import data, elbo, training``.
"""

import os

# PyTorch's threads wait for each other by spinning. Where two kernels share the cores, they
# spin while the other one works: on two cores both trained many times slower. Spinning shortly
# and then sleeping costs a tenth alone, and makes the two share fairly. (For GNU's OpenMP, which
# PyTorch has on Linux; it is read once, when torch is first imported.)
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

__version__ = "0.1.0"

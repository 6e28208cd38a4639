"""Code that several notebooks of the series on variational autoencoders share.

Code for a single notebook is in `vae_lessons`. Import the modules by name, and before torch:
``from vae_helpers import data, elbo, training``.
"""

import os

# PyTorch's threads wait for each other in a busy loop ("spinning"). When two kernels share the
# cores, the waiting threads of each kernel slow the other down: on two cores, training became many
# times slower. Here threads spin briefly and then sleep, which makes a single kernel about 10 %
# slower. The variable is for GNU OpenMP (PyTorch on Linux), which reads it when torch is imported.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

__version__ = "0.1.0"

"""The plumbing of the notebook series on variational autoencoders.

Everything here was taught in a notebook first. Import modules by name, and before torch:
``from vae_helpers import data, elbo, plots``.
"""

import os

# PyTorch's threads wait for each other by spinning. Where two kernels share the cores, they
# spin while the other one works: both trained 19 times slower on two cores. Sleeping waits
# cost next to nothing alone. OpenMP reads this once, when torch is first imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

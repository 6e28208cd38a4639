"""What several unit tests need."""

import pytest
import torch


@pytest.fixture
def one_thread():
    """Bitwise equality needs it: two threads may add in another order."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)

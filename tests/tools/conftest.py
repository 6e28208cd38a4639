"""What the tests of several tools need."""

import lab
import pytest


@pytest.fixture
def recorded(tmp_path):
    """`recorded(failing)` gives an environment, and the list of what it installs and runs.

    What has the word `failing` among its arguments fails.
    """
    def make(failing=None):
        ran, env = [], lab.Environment(tmp_path)

        def run(arguments, hand_over=False, **variables):
            ran.append([*arguments, *variables.items()])
            return failing in arguments

        env.ensure, env.run = lambda *extras: ran.append(extras), run
        return env, ran

    return make

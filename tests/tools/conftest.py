"""Fixtures for the tests of several tools."""

import lab
import pytest


@pytest.fixture
def recorded(tmp_path):
    """`recorded(failing)` returns an environment, and the list of its installations and runs.

    A run with the word `failing` among its arguments fails.
    """
    def make(failing=None):
        ran, env = [], lab.Environment(tmp_path)

        def run(arguments, hand_over=False, **variables):
            ran.append([*arguments, *variables.items()])
            return failing in arguments

        env.ensure, env.run = lambda *extras: ran.append(extras), run
        return env, ran

    return make

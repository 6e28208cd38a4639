"""The networks stored in notebooks/explorers, evaluated with NumPy."""

import base64

import numpy as np


def forward(halves, widths, x):
    """The output of a stored network for x [inputs]."""
    values = np.frombuffer(base64.b64decode(halves), "<f2").astype(float)
    start, last = 0, len(widths) - 2
    for layer, (inputs, outputs) in enumerate(zip(widths, widths[1:])):
        weight = values[start : start + inputs * outputs].reshape(outputs, inputs)
        start += inputs * outputs
        x = weight @ x + values[start : start + outputs]
        start += outputs
        x = x if layer == last else np.maximum(x, 0)
    assert start == len(values)
    return x


def decoded(state, point):
    """The stored decoder's pixel probabilities at a point, [784]."""
    return 1 / (1 + np.exp(-forward(state["weights_float16"], state["widths"], np.array(point))))

"""p-values in words: the same in every sentence, table and picture. JSON keeps the numbers."""

import math

LEAST = 1e-300
"""What is smaller comes close to the end of the floating-point numbers, or is beyond it, and would be shown as 0."""


def p_text(value: float, *, least: float = LEAST) -> str:
    """Return a p-value with two significant digits: "0.0012", "< 1e-300", or a dash if there is none.

    Args:
        value: in [0, 1], or NaN.
        least: a smaller one is only said to be so.
    """
    if math.isnan(value):
        return "-"
    return f"< {least:g}" if value < least else f"{value:.2g}"


def p_is(value: float) -> str:
    """Return a p-value as a sentence says it: "p = 0.0012", "p < 1e-300"."""
    text = p_text(value)
    return f"p {text}" if text.startswith("<") else f"p = {text}"

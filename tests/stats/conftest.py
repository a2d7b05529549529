"""The inline data of the specification of assisted statistics, section 7: two spaces of 8 models, pools of 20."""

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Inline:
    """Features (8, 2), errors (8,) and the pool's features (20, 2) of spaces A and B, in their own units."""

    x_a: Floats
    a: Floats
    x_b: Floats
    b: Floats
    pool_a: Floats
    pool_b: Floats


@pytest.fixture(scope="session")
def inline() -> Inline:
    return Inline(
        x_a=np.array(
            [(9, 4.4), (3, 4.1), (4, 5.1), (8, 4.0), (10, 4.7), (10, 3.4), (11, 3.9), (12, 3.9)], dtype=np.float64
        ),
        a=np.array([47.8, 52.4, 50.3, 49.1, 47.4, 48.6, 48.0, 47.3]),
        x_b=np.array(
            [(11, 3.8), (13, 2.9), (22, 5.0), (10, 3.7), (10, 4.3), (13, 3.7), (9, 5.2), (4, 5.1)], dtype=np.float64
        ),
        b=np.array([48.0, 48.7, 40.4, 49.0, 48.4, 48.1, 47.4, 51.6]),
        pool_a=np.column_stack(
            [
                [9, 9, 11, 8, 13, 6, 13, 11, 5, 11, 7, 11, 10, 9, 9, 13, 8, 7, 10, 11],
                [5.3, 3.3, 3.8, 4.4, 3.5, 3.8, 3.6, 3.9, 3.2, 3.7, 3.9, 3.8, 4.0, 3.8, 4.5, 3.8, 3.9, 3.5, 3.6, 3.1],
            ]
        ),
        pool_b=np.column_stack(
            [
                [13, 16, 11, 14, 10, 15, 15, 12, 7, 12, 18, 6, 11, 12, 18, 14, 8, 7, 14, 19],
                [3.9, 4.8, 4.6, 4.0, 3.5, 4.3, 3.9, 5.2, 4.6, 5.0, 4.6, 4.7, 4.0, 5.0, 5.7, 4.3, 4.1, 4.4, 4.2, 4.0],
            ]
        ),
    )

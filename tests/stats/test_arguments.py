import numpy as np
import pytest

from netspace.stats import arguments


def test_permutations_do_not_depend_on_the_block_size(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.arange(10.0)
    whole = np.concatenate(list(arguments.permuted(values, 25, seed=3)))
    monkeypatch.setattr(arguments, "BLOCK", 70)
    blocks = list(arguments.permuted(values, 25, seed=3))
    assert [len(block) for block in blocks] == [7, 7, 7, 4]
    np.testing.assert_array_equal(np.concatenate(blocks), whole)
    np.testing.assert_array_equal(np.sort(whole, axis=1), np.tile(values, (25, 1)))

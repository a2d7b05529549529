"""AnyNetBatch: networks in, the same networks out."""

import numpy as np

from netspace.arch import AnyNetBatch, zoo

CONFIGS = [zoo.get(name) for name in ("x200mf", "x400mf", "x600mf", "x800mf", "x1.6gf")]


def test_stacked_batches_hold_their_networks_in_order():
    first, second, third = (AnyNetBatch.from_configs(part) for part in (CONFIGS[:1], CONFIGS[1:4], CONFIGS[4:]))
    assert list(AnyNetBatch.stack([third, first, second]).configs()) == CONFIGS[4:] + CONFIGS[:4]


def test_rows_are_taken_by_index_slice_and_mask():
    batch = AnyNetBatch.from_configs(CONFIGS)
    assert list(batch.take(np.array([3, 0])).configs()) == [CONFIGS[3], CONFIGS[0]]
    assert list(batch.take(slice(1, 3)).configs()) == CONFIGS[1:3]
    assert list(batch.take(batch.depths[:, 0] == 2).configs()) == [c for c in CONFIGS if c.stages[0].depth == 2]

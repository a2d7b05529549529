"""Features of spaces of different kinds in one table, and a predictor of them held against one solved by hand."""

import numpy as np
import pytest

from netspace.stats.pool_check import Features
from netspace.stats.predictor import Scale, fit_ridge
from netspace.stats.together import put_together


def features(names, seed=0, n=30):
    rng = np.random.default_rng(seed)
    return Features(tuple(names), rng.normal(2, 3, (n, len(names))), rng.normal(2, 3, (10 * n, len(names))))


def test_spaces_of_one_kind_keep_their_columns_in_one_order():
    a, b = features("xyz"), features("zyx", 1)
    found = put_together({"a": a, "b": b})
    assert found["a"] is a
    assert found["b"].names == a.names
    assert np.array_equal(found["b"].pool, b.pool[:, ::-1])


def test_other_kinds_share_what_is_alike_and_have_the_rest_for_themselves():
    spaces = {"a": features("xyz"), "b": features("wxy", 1), "c": features("zyx", 2)}
    found = put_together(spaces, alike=["x"])
    assert {one.names for one in found.values()} == {("x", "y", "z", "w", "y")}
    assert np.array_equal(np.isnan(found["b"].sample[0]), [False, True, True, False, False])
    assert np.array_equal(np.isnan(found["c"].pool).any(axis=0), [False, False, False, True, True])
    assert np.array_equal(found["b"].sample[:, 4], spaces["b"].sample[:, 2])


def test_one_ridge_is_that_of_a_system_with_a_block_for_each_kind():
    a, b = features("xyz"), features("xw", 1)
    rng = np.random.default_rng(2)
    targets = [one.sample @ np.arange(1, len(one.names) + 1) / 9 + rng.normal(size=30) for one in (a, b)]
    found = put_together({"a": a, "b": b})
    scale = Scale.of([one.pool for one in found.values()])
    fit = fit_ridge([scale(one.sample) for one in found.values()], targets)

    # x by the moments of both pools, the others by those of their own; intercepts free, slopes of x in common
    both = [(one.pool[:, 0].mean(), one.pool[:, 0]) for one in (a, b)]
    mean = np.mean([one for one, _ in both])
    sd = np.sqrt(np.mean([((values - mean) ** 2).mean() for _, values in both]))
    own = [(one.sample[:, 1:] - one.pool[:, 1:].mean(axis=0)) / one.pool[:, 1:].std(axis=0) for one in (a, b)]
    blocks = np.zeros((60, 2 + 1 + 2 + 1))
    for place, (one, columns) in enumerate(((a, slice(3, 5)), (b, slice(5, 6)))):
        rows = slice(30 * place, 30 * (place + 1))
        blocks[rows, place] = 1
        blocks[rows, 2] = (one.sample[:, 0] - mean) / sd
        blocks[rows, columns] = own[place]
    penalty = np.diag([0, 0, *[fit.penalties[0]] * 4])
    by_hand = np.linalg.solve(blocks.T @ blocks + penalty, blocks.T @ np.concatenate(targets))
    assert fit.slopes[0] == pytest.approx(by_hand[2:])
    assert fit.intercepts == pytest.approx(by_hand[:2])

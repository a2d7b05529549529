"""Which pools may stand for a sample: law, size and features."""

import numpy as np
import pandas as pd
import pytest

from netspace.errors import StatisticsError
from netspace.stats.pool_check import Features, RefusedError, check_pool, read_features


def features(seed, n=50, pool=5000, p=8, shift=0.0):
    """Correlated features; the first one of the sample is shifted, in standard errors of its mean."""
    rng = np.random.default_rng(seed)
    mix = rng.normal(size=(p, p))
    sample, everything = rng.normal(size=(n, p)) @ mix, rng.normal(size=(pool, p)) @ mix
    sample[:, 0] += shift * everything[:, 0].std() / np.sqrt(n)
    return Features(tuple(f"x{i}" for i in range(p)), sample, everything)


def test_samples_of_the_pool_rarely_look_foreign():
    p_values = np.array([check_pool(features(seed)).p_value for seed in range(400)])
    assert (p_values < 0.05).mean() <= 0.08
    assert (p_values < 0.01).mean() <= 0.02


def test_a_shifted_feature_is_named():
    check = check_pool(features(1, shift=8))
    assert check.p_value < 1e-6
    assert "'x0'" in check.farthest
    assert "standard errors off" in check.farthest
    assert abs(check.z[0]) == np.abs(check.z).max()


def test_a_small_shift_along_a_principal_component_is_seen_though_no_feature_shows_it_alone():
    rng = np.random.default_rng(2)
    common = rng.normal(size=(10_000, 1))
    pool = common + 0.1 * rng.normal(size=(10_000, 20))
    sample = rng.normal(size=(100, 1)) + 0.45 + 0.1 * rng.normal(size=(100, 20))
    assert check_pool(Features(tuple("abcdefghijklmnopqrst"), sample, pool)).p_value < 0.001


def test_one_value_in_the_pool_and_others_in_the_sample_never_match():
    good = features(3)
    pool = good.pool.copy()
    pool[:, 2] = 7.0
    check = check_pool(good._replace(pool=pool))
    assert check.p_value == 0
    assert check.farthest == "'x2' has one value in the pool and others in the sample"


def test_a_constant_feature_of_both_says_nothing():
    good = features(4)
    for values in (good.sample, good.pool):
        values[:, 2] = 7.0
    check = check_pool(good)
    assert check.z[2] == 0
    assert 0 < check.p_value <= 1


def test_data_frames_are_matched_by_column_name():
    frame = pd.DataFrame({"depth": np.arange(20.0), "width": 1.0})
    pool = pd.DataFrame({"width": 2.0, "depth": np.arange(200)})
    found = read_features(frame, pool, 20)
    assert found.names == ("depth", "width")
    assert found.pool[:, 0].tolist() == list(range(200))
    assert found.pool[:, 1].tolist() == [2.0] * 200


def test_other_columns_are_named():
    frame = pd.DataFrame({"depth": np.arange(20.0), "w_a": 1.0})
    pool = pd.DataFrame({"depth": np.arange(200.0), "w_0": 1.0})
    with pytest.raises(RefusedError, match="'w_a' only in the sample; 'w_0' only in the pool"):
        read_features(frame, pool, 20)


@pytest.mark.parametrize(
    ("sample", "pool", "message"),
    [
        (np.ones((15, 2)), np.ones((1500, 2)), "15 models, at least 16 are needed"),
        (np.ones((20, 2)), np.ones((199, 2)), "a pool of 199 for 20 models, at least 200 are needed"),
        (np.ones((20, 2)), np.ones((2000, 3)), "2 features and the pool 3"),
        (np.full((20, 2), np.nan), np.ones((2000, 2)), "'feature 1' has 20 values in the sample that are not finite"),
        (np.ones((20, 1)), np.full((2000, 1), np.inf), "'feature 1' has 2000 values in the pool that are not finite"),
        ([["a"]] * 20, np.ones((2000, 1)), "values that are not numbers"),
        (np.ones(20), np.ones((2000, 1)), r"must be a table \(networks, features\), got \(20,\)"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_reason(sample, pool, message):
    with pytest.raises(RefusedError, match=message):
        read_features(sample, pool, len(sample))


def test_a_column_of_words_is_named():
    frame = pd.DataFrame({"depth": np.arange(20.0), "arch": "a"})
    with pytest.raises(RefusedError, match="feature 'arch' of the sample has values that are not numbers"):
        read_features(frame, frame, 20)


def test_features_of_other_models_are_an_error():
    with pytest.raises(StatisticsError, match="one row for each of the 20 models is needed, got 19"):
        read_features(np.ones((19, 2)), np.ones((2000, 2)), 20)

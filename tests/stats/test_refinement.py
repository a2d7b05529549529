import numpy as np
import pandas as pd
import pytest
from scipy.stats import mannwhitneyu, norm

from netspace.errors import StatisticsError
from netspace.stats import Restriction, candidate_restrictions, max_t, refine
from netspace.stats.refinement import eligible, gain
from netspace.stats.superiority import superiority


def anynet(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {f"depth_{i}": rng.integers(1, 17, n) for i in range(1, 5)}
        | {f"width_{i}": 8 * rng.integers(1, 129, n) for i in range(1, 5)}
        | {f"bottleneck_ratio_{i}": rng.choice([1, 2, 4], n) for i in range(1, 5)}
        | {f"group_width_{i}": 2 ** rng.integers(0, 6, n) for i in range(1, 5)}
    )


def mask(keep: np.ndarray, name: str = "one") -> Restriction:
    return Restriction(name=name, kind="range", parameter="x", keep=np.asarray(keep, dtype=bool))


def test_the_inline_example_matches_the_specification() -> None:
    keep = np.array([1, 1, 0, 1, 1, 0, 0, 0], dtype=bool)
    z, _ = max_t(keep[:, None], np.arange(1, 9))
    assert z[0] == pytest.approx(1.73205081, abs=5e-9)
    assert superiority(np.arange(1.0, 9)[~keep], np.arange(1.0, 9)[keep]).theta == 0.875


def test_z_is_the_tie_corrected_mann_whitney_statistic() -> None:
    rng = np.random.default_rng(0)
    errors = rng.normal(50, 3, 80).round()
    errors[:3] = np.inf
    keep = rng.random(80) < 0.4
    z, _ = max_t(keep[:, None], errors)
    reference = mannwhitneyu(errors[keep], errors[~keep], alternative="less", use_continuity=False, method="asymptotic")
    assert norm.sf(z[0]) == pytest.approx(reference.pvalue)


def test_one_mask_has_the_ordinary_permutation_p_value() -> None:
    rng = np.random.default_rng(0)
    errors = rng.normal(50, 3, 100)
    keep = errors + rng.normal(0, 15, 100) < 50
    z, p_value = max_t(keep[:, None], errors, permutations=20_000)
    assert p_value[0] == pytest.approx(norm.sf(z[0]), abs=0.01)


def test_the_correction_grows_with_the_candidates_but_not_with_copies() -> None:
    rng = np.random.default_rng(0)
    errors = rng.normal(50, 3, 200)
    masks = rng.random((200, 96)) < 0.5
    alone = max_t(masks[:, :1], errors)[1][0]
    copied = max_t(np.repeat(masks[:, :1], 96, axis=1), errors)[1][0]
    among = max_t(masks, errors)[1][0]
    assert copied == alone < among


def test_the_search_over_96_candidates_keeps_its_level_where_raw_p_values_do_not() -> None:
    rng = np.random.default_rng(0)
    raw = corrected = 0
    for _ in range(100):
        masks = rng.random((100, 96)) < 0.5
        z, p_value = max_t(masks, rng.normal(50, 3, 100), permutations=199, seed=rng)
        raw += norm.sf(z.max()) < 0.05
        corrected += p_value.min() <= 0.05
    assert raw >= 93
    # 100 trials at 5 %: mean 5, sd 2.2
    assert corrected <= 12


def test_gain_compares_with_the_whole_space() -> None:
    errors = np.arange(10.0)
    keep = errors < 4
    whole = (errors[keep, None] < errors).mean() + (errors[keep, None] == errors).mean() / 2
    assert gain(superiority(errors[~keep], errors[keep]).theta, keep.mean()) == pytest.approx(whole)


@pytest.mark.parametrize(
    ("kept", "n", "allowed"),
    [(30, 60, True), (29, 60, False), (31, 60, False), (99, 1000, False), (100, 1000, True), (901, 1000, False)],
)
def test_only_balanced_restrictions_are_scored(kept: int, n: int, allowed: bool) -> None:
    assert eligible(np.arange(n) < kept) == allowed


@pytest.mark.parametrize("seed", range(4))
def test_a_planted_region_is_found(seed: int) -> None:
    frame = anynet(400, seed)
    noise = np.random.default_rng(seed + 100).normal(50, 3, 400)
    advice = refine(candidate_restrictions(frame), noise - 4 * (frame["width_4"] >= 512))
    best = advice.advised[0]
    assert best.restriction.parameter == "width_4"
    assert best.restriction.low == pytest.approx(512, abs=120)
    assert best.theta > 0.6
    assert best.gain > 0.5


def test_an_ordering_is_found() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"width_1": rng.integers(1, 129, 300), "width_2": rng.integers(1, 129, 300)})
    errors = rng.normal(50, 3, 300) - 4 * (frame["width_1"] <= frame["width_2"])
    advice = refine(candidate_restrictions(frame), errors, hold_out=False)
    assert advice.advised[0].restriction.name == "width non-decreasing over the stages"


def test_noise_is_rarely_advised_upon() -> None:
    frame = anynet(200, 0)
    candidates = candidate_restrictions(frame)
    rng = np.random.default_rng(0)
    advised = sum(
        bool(refine(candidates, rng.normal(50, 3, 200), permutations=199, seed=rng).advised) for _ in range(40)
    )
    # 40 trials at 5 %: mean 2, sd 1.4
    assert advised <= 6


@pytest.mark.slow
def test_noise_is_advised_upon_in_at_most_6_of_100_populations_and_every_plant_is_found() -> None:
    noisy = missed = 0
    for seed in range(100):
        frame = anynet(500, seed)
        candidates = candidate_restrictions(frame)
        errors = np.random.default_rng(1000 + seed).normal(50, 3, 500)
        noisy += bool(refine(candidates, errors, seed=seed).advised)
        planted = refine(candidates, errors - 4 * (frame["width_4"] >= 512), seed=seed).advised
        missed += not planted or planted[0].restriction.parameter != "width_4"
    assert noisy <= 6
    assert missed == 0


def test_shared_parameters_are_left_to_fresh_samples() -> None:
    advice = refine(candidate_restrictions(anynet(200, 0)), np.random.default_rng(0).normal(50, 3, 200))
    assert "width shared by all stages" in {restriction.name for restriction in advice.unsettled}
    assert not {score.restriction.name for score in advice.scores} & {one.name for one in advice.unsettled}


def test_effects_come_from_a_held_out_half_of_large_populations() -> None:
    rng = np.random.default_rng(0)
    keep = rng.random(400) < 0.5
    errors = rng.normal(50, 3, 400) - 2 * keep
    large = refine([mask(keep)], errors)
    assert large.held_out
    assert large.scores[0].kept == pytest.approx(100, abs=25)
    small = refine([mask(keep[:200])], errors[:200])
    assert not small.held_out
    assert small.scores[0].kept == keep[:200].sum()


def test_the_advice_is_sorted_and_reproducible() -> None:
    frame = anynet(200, 1)
    candidates = candidate_restrictions(frame)
    errors = np.random.default_rng(2).normal(50, 3, 200) + frame["depth_1"].to_numpy() / 4
    errors[:7] = np.inf
    advice = refine(candidates, errors, seed=3)
    keys = [(score.p_value, -score.z) for score in advice.scores]
    assert keys == sorted(keys)
    assert advice.failures == 7
    assert advice == refine(candidates, errors, seed=3)


def test_bad_input_gets_a_clear_answer() -> None:
    half = np.arange(200) < 100
    with pytest.raises(StatisticsError, match="at least 60 models are needed, got 40"):
        refine([mask(half[:40])], np.arange(40))
    with pytest.raises(StatisticsError, match="at least 120 models are needed, got 100"):
        refine([mask(half[:100])], np.arange(100), hold_out=True)
    with pytest.raises(StatisticsError, match="they say nothing about a restriction"):
        refine([mask(half)], np.full(200, 90.0))
    with pytest.raises(StatisticsError, match=r"'one': one mask entry per model is needed \(200\)"):
        refine([mask(half[:150])], np.arange(200))
    with pytest.raises(StatisticsError, match="NaN"):
        refine([mask(half)], np.full(200, np.nan))
    assert refine([], np.arange(200)).scores == ()

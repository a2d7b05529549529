"""What a study was asked to decide: early stopping and claims, from its specification and its results."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd

from netspace.report.runs import number_columns
from netspace.stats.chain import SequentialChain
from netspace.stats.judging import judge
from netspace.stats.sequential import StoppingRule
from netspace.store import FINAL


def stopping_chain(spec: Mapping[str, Any], runs: pd.DataFrame, spaces: Sequence[str]) -> SequentialChain | None:
    """Return where each pair of neighbouring spaces stands, or None for a study without early stopping.

    Args:
        spec: the study's specification; `stop` holds alpha and delta.
        runs: see `runs_table`.
        spaces: in the order of the chain.
    """
    stop = spec.get("stop")
    if not isinstance(stop, Mapping) or len(spaces) < 2:
        return None
    ended = runs[runs["status"].isin(FINAL)]
    errors = {
        str(space): dict(zip(models["index"], models["score"], strict=True))
        for space, models in ended.groupby("space", sort=False)
    }
    return SequentialChain.replay(errors, spaces, StoppingRule(**stop))


def claims_table(
    spec: Mapping[str, Any], runs: pd.DataFrame, spaces: Sequence[str], chain: SequentialChain | None
) -> pd.DataFrame:
    """Judge the claims of a study's specification.

    Returns:
        Columns `claim`, `judgement` ("confirmed", "refuted" or "undecided") and `evidence`, one row a claim.

    Raises:
        StatisticsError, UnknownNameError: a claim that cannot be read, or that names what the study does not have.
    """
    claims = spec.get("claims") or ()
    columns = ["claim", "judgement", "evidence"]
    if not claims:
        return pd.DataFrame(columns=columns)
    ended = runs.loc[runs["status"].isin(FINAL), ["space", "score", *number_columns(runs)]]
    judged = judge(claims, ended, spaces=spaces, chain=chain, error="score")
    return pd.DataFrame([asdict(one) for one in judged], columns=columns)

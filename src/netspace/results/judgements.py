"""What a study was asked to decide: early stopping and claims, from its specification and its results."""

from collections.abc import Mapping
from dataclasses import asdict

import pandas as pd

from netspace.results.claims import judge_runs
from netspace.stats.chain import SequentialChain
from netspace.stats.sequential import StoppingRule
from netspace.store import FINAL, Store, StudyRecord


def stopping_chain(study: StudyRecord, store: Store) -> SequentialChain | None:
    """Return where each pair of neighbouring spaces stands, or None for a study without early stopping."""
    stop, spaces = study.spec.get("stop"), list(store.counts(study.id))
    if not isinstance(stop, Mapping) or len(spaces) < 2:
        return None
    return SequentialChain.replay(store.errors(study.id), spaces, StoppingRule(**stop))


def claims_table(study: StudyRecord, store: Store, chain: SequentialChain | None) -> pd.DataFrame:
    """Judge the claims of a study's specification by its runs that ended.

    Returns:
        Columns `claim`, `judgement` ("confirmed", "refuted" or "undecided") and `evidence`, one row a claim. A claim
        that cannot be read, or that names what the study does not have, is undecided and the evidence says why.
    """
    columns = ["claim", "judgement", "evidence"]
    claims = study.spec.get("claims") or ()
    if not claims:
        return pd.DataFrame(columns=columns)
    runs = store.frame(study.id)
    ended = runs[runs["status"].isin(FINAL)]
    judged = judge_runs(claims, ended, spaces=list(store.counts(study.id)), chain=chain, lenient=True)
    return pd.DataFrame([asdict(one) for one in judged], columns=columns)

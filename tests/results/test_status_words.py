"""The status words of other tools."""

import pytest

from netspace.errors import UnknownNameError
from netspace.results.status_words import outcome_of, parse_outcomes

# optuna.trial.TrialState; ray.tune.experiment.Trial; the run states of W&B; mlflow.entities.RunStatus; SLURM
WORDS = {
    "done": ["COMPLETE", "TrialState.COMPLETE", "TERMINATED", "finished", "FINISHED", "COMPLETED", "done", " Ok "],
    "failed": [
        "FAIL", "PRUNED", "ERROR", "crashed", "failed", "killed", "FAILED", "KILLED", "TIMEOUT", "OUT_OF_MEMORY",
        "NODE_FAIL", "CANCELLED by 1000", "Out of memory",
    ],
    "unfinished": [
        "RUNNING", "WAITING", "PENDING", "PAUSED", "running", "pending", "preempting", "preempted", "SCHEDULED",
        "planned", "in progress",
    ],
    "diverged": ["diverged"],
    "lost": ["lost"],
    None: ["True", "0", "", "red"],
}  # fmt: skip


@pytest.mark.parametrize(("outcome", "word"), [(outcome, word) for outcome, words in WORDS.items() for word in words])
def test_words_of_the_tools_are_known(outcome, word):
    assert outcome_of(word) == outcome


def test_every_state_that_optuna_has_is_known():
    optuna = pytest.importorskip("optuna")
    assert {state.name: outcome_of(state) for state in optuna.trial.TrialState} == {
        "RUNNING": "unfinished",
        "COMPLETE": "done",
        "PRUNED": "failed",
        "FAIL": "failed",
        "WAITING": "unfinished",
    }


def test_a_user_explains_further_words_and_may_correct_known_ones():
    own = parse_outcomes({"0": "done", "killed": "unfinished"})
    assert [outcome_of(word, own) for word in ("0", "KILLED", "1")] == ["done", "unfinished", None]
    with pytest.raises(UnknownNameError, match=r"unknown outcome 'dnoe' .did you mean 'done'"):
        parse_outcomes({"0": "dnoe"})

"""What became of a model, in the words of different tools."""

import re
from collections.abc import Mapping
from typing import Literal, get_args

from netspace.errors import raise_unknown
from netspace.store import Ending

OutcomeName = Ending | Literal["unfinished"]
OUTCOMES: tuple[OutcomeName, ...] = (*get_args(Ending), "unfinished")

_WORDS: dict[OutcomeName, str] = {
    # ours; Optuna, Ray Tune, W&B, MLflow; SLURM, in which pycls runs
    "done": "done ok success succeeded successful complete completed finished terminated",
    "diverged": "diverged nan",
    "failed": (
        "failed fail failure error errored crashed crash killed pruned broken oom out_of_memory timeout timed_out "
        "cancelled canceled aborted stopped node_fail boot_fail deadline"
    ),
    "lost": "lost",
    "unfinished": (
        "planned running unfinished waiting pending paused preempting preempted scheduled queued created submitted "
        "started starting initializing in_progress active suspended requeued resizing configuring completing"
    ),
}
_BY_WORD = {word: outcome for outcome, words in _WORDS.items() for word in words.split()}


def outcome_of(word: object, own: Mapping[str, OutcomeName] | None = None) -> OutcomeName | None:
    """Return what a status word means, in any case, or None if no tool that we know uses it.

    A trial that was pruned has ended without the error that is asked for: it counts as failed, as the worst.

    Args:
        word: the cell of a status column.
        own: further words, as the user explains them.
    """
    text = str(word).strip()
    for known, outcome in (own or {}).items():
        if text.lower() == known.lower():
            return outcome
    # Optuna writes TrialState.COMPLETE, SLURM "CANCELLED by 1000"
    plain = re.sub(r"[\s-]+", "_", text.lower().removeprefix("trialstate."))
    return _BY_WORD.get(plain) or _BY_WORD.get(plain.partition("_by_")[0])


def parse_outcomes(words: Mapping[str, str]) -> dict[str, OutcomeName]:
    """Return words with what they mean.

    Raises:
        UnknownNameError: one is to mean what is no outcome.
    """
    for meaning in words.values():
        if meaning not in OUTCOMES:
            raise_unknown("outcome", meaning, OUTCOMES)
    return {word: outcome for word, meaning in words.items() for outcome in OUTCOMES if outcome == meaning}

"""The seeds of a study: of each space's sample and of each run, from the study's own."""

import numpy as np

from netspace.documents import digest


def seed_of(study: int, space: str, index: int | None = None) -> int:
    """Return the seed of a space's sample, or of one of its runs, in [0, 2^63).

    It follows from these alone: a space has the same sample in a study that compares it with other spaces.

    Args:
        study: the study's seed.
        space: name of the space.
        index: of the run in its space's population.
    """
    words = [study, int(digest(space), 16), *([] if index is None else [index])]
    return int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0] >> np.uint64(1))

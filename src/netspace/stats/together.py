"""Features of spaces that differ in their parameters, as columns of one table, for one predictor to be fitted on.

What all spaces have in common, such as what their networks cost, is one column for all of them. The rest is a column
for each kind of space: whether an expansion of one kind means what the expansion of another does is not known. A space
has NaN in columns that are not its own; standardised, these are 0, the mean, and add nothing to its predictions.
Nothing that an interval rests on changes by it: a predictor may be any function of a network and of its space.
"""

from collections.abc import Collection, Mapping

import numpy as np

from netspace.stats.arguments import Floats
from netspace.stats.pool_check import Features


def put_together(spaces: Mapping[str, Features], alike: Collection[str] | None = None) -> dict[str, Features]:
    """Return the features of all spaces with the same columns in the same order, those that all have first.

    Args:
        spaces: features by space; spaces with the same names, in whatever order, are of one kind.
        alike: names that mean the same in spaces of different kinds; None if all do.

    Returns:
        By space, its samples and pools with NaN in the columns of other kinds, whose names may be the same.
    """
    kinds: dict[frozenset[str], tuple[str, ...]] = {}
    for one in spaces.values():
        kinds.setdefault(frozenset(one.names), one.names)
    first = next(iter(spaces.values())).names if spaces else ()
    shared = tuple(
        name
        for name in first
        if len(kinds) == 1 or (all(name in kind for kind in kinds) and (alike is None or name in alike))
    )
    own = [(kind, name) for kind, names in kinds.items() for name in names if name not in shared]
    columns = (*shared, *(name for _, name in own))

    def arranged(values: Floats, names: tuple[str, ...]) -> Floats:
        found = {name: values[:, place] for place, name in enumerate(names)}
        nothing = np.full(len(values), np.nan)
        of_kinds = [found[name] if kind == frozenset(names) else nothing for kind, name in own]
        return np.column_stack([*(found[name] for name in shared), *of_kinds])

    return {
        space: one
        if one.names == columns
        else Features(columns, arranged(one.sample, one.names), arranged(one.pool, one.names))
        for space, one in spaces.items()
    }

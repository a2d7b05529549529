"""Design spaces under the name they have at the root: the catalogue, and what other spaces are made of."""

from netspace import space
from netspace.space import *  # noqa: F403  # the names are those of `netspace.space`, listed there

__all__: list[str] = []
__all__ += space.__all__

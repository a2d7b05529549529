"""One model of another tool, as the store takes it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from netspace.arch.built import NetworkConfig
from netspace.store import Outcome

LAST, LEAST, GIVEN = "of the last epoch", "the least of all epochs, an optimistic choice", "as the tool gives it"
"""What the error of an imported study may be."""


@dataclass(frozen=True, kw_only=True)
class ImportedModel:
    """One model of another tool.

    Attributes:
        space: that it belongs to.
        outcome: how its training ended; None if it has not.
        network: None if only its results are known.
        parameters: whatever else is known of it.
    """

    space: str
    outcome: Outcome | None
    flops: int = 0
    params: int = 0
    activations: int = 0
    seed: int = 0
    network: NetworkConfig | None = None
    parameters: Mapping[str, Any]

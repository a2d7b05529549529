"""One model of another tool, as the store takes it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from netspace.arch import AnyNetConfig
from netspace.store import Epoch

LAST, LEAST, GIVEN = "of the last epoch", "the least of all epochs, an optimistic choice", "as the tool gives it"
"""What the error of an imported study may be."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """One model of another tool.

    Attributes:
        space: that it belongs to.
        error: in %, or None, and then `status` and `message` say how and why.
        status: of a model without an error: "diverged", "failed", "lost" or "unfinished".
        network: None if only its results are known.
        parameters: whatever else is known of it.
        curve: a point for each epoch.
    """

    space: str
    error: float | None
    message: str | None = None
    status: str = "failed"
    flops: int = 0
    params: int = 0
    activations: int = 0
    seconds: float = 0.0
    seed: int = 0
    network: AnyNetConfig | None = None
    parameters: Mapping[str, Any]
    curve: Sequence[Epoch] = ()

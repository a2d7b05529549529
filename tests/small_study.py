"""A study small enough to train in a test: a few networks of under 0.2 MF on a few hundred digits."""

from typing import Any

SMALL: dict[str, Any] = {
    "name": "small",
    "spaces": ["AnyNetXA", "RegNetX"],
    "flops": "20K:150K",
    "resolution": 20,
    "data": {"source": "mnist-5k", "train": 256, "validation": 100},
    "network": {"stem": {"kind": "simple", "width": 8}},
    "recipe": {"base": "quick", "epochs": 1, "augment": {"flip": False}},
}

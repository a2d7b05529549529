"""L1: what a network is and what it costs. Values and array formulas, no torch."""

from netspace.arch.batch import AnyNetBatch
from netspace.arch.complexity import MEASURES, Complexity, complexity
from netspace.arch.config import BLOCKS, AnyNetConfig, Stage, Stem, Template
from netspace.arch.regnet import RegNetConfig, read_network

__all__ = [
    "BLOCKS",
    "MEASURES",
    "AnyNetBatch",
    "AnyNetConfig",
    "Complexity",
    "RegNetConfig",
    "Stage",
    "Stem",
    "Template",
    "complexity",
    "read_network",
]

"""L1: what a network is and what it costs. Values and array formulas, no torch."""

from netspace.arch.batch import AnyNetBatch
from netspace.arch.built import BuiltBatch, BuiltConfig, BuiltTemplate, read_network
from netspace.arch.code import Code
from netspace.arch.complexity import MEASURES, Complexity, Part, complexity, parts
from netspace.arch.config import BLOCKS, AnyNetConfig, Stage, Stem, Template
from netspace.arch.regnet import RegNetConfig

__all__ = [
    "BLOCKS",
    "MEASURES",
    "AnyNetBatch",
    "AnyNetConfig",
    "BuiltBatch",
    "BuiltConfig",
    "BuiltTemplate",
    "Code",
    "Complexity",
    "Part",
    "RegNetConfig",
    "Stage",
    "Stem",
    "Template",
    "complexity",
    "parts",
    "read_network",
]

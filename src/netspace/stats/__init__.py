"""Statistics of model populations: what a difference between two design spaces is worth. Needs neither store nor torch.

Errors are in %, lower is better; a failed model has error +inf and is never dropped.
"""

from netspace.stats.best_of import BestOf
from netspace.stats.chain import SequentialChain
from netspace.stats.claims import Claim, parse_claim, resolve_claim
from netspace.stats.comparison import Comparison, compare, compare_chain
from netspace.stats.edf import EDF, Band, Steps
from netspace.stats.edf_dominance import Dominance, dominance
from netspace.stats.fit import WidthFit, e_fit, fit_widths
from netspace.stats.normalized import (
    NormalizedComparison,
    compare_normalized,
    effective_sample_size,
    equal_width_edges,
    normalization_weights,
    normalized_band,
    van_elteren,
)
from netspace.stats.order_statistics import beta_band, quantile_ranks
from netspace.stats.power import detectable_theta, models_needed, smallest_delta
from netspace.stats.ranges import BestRange, best_range
from netspace.stats.refinement import Advice, Score, max_t, refine
from netspace.stats.restrictions import Restriction, candidate_restrictions
from netspace.stats.sequential import (
    OperatingCharacteristics,
    SequentialComparison,
    StoppingRule,
    e_value,
    equivalence_e_value,
    operating_characteristics,
)

__all__ = [
    "EDF",
    "Advice",
    "Band",
    "BestOf",
    "BestRange",
    "Claim",
    "Comparison",
    "Dominance",
    "NormalizedComparison",
    "OperatingCharacteristics",
    "Restriction",
    "Score",
    "SequentialChain",
    "SequentialComparison",
    "Steps",
    "StoppingRule",
    "WidthFit",
    "best_range",
    "beta_band",
    "candidate_restrictions",
    "compare",
    "compare_chain",
    "compare_normalized",
    "detectable_theta",
    "dominance",
    "e_fit",
    "e_value",
    "effective_sample_size",
    "equal_width_edges",
    "equivalence_e_value",
    "fit_widths",
    "max_t",
    "models_needed",
    "normalization_weights",
    "normalized_band",
    "operating_characteristics",
    "parse_claim",
    "quantile_ranks",
    "refine",
    "resolve_claim",
    "smallest_delta",
    "van_elteren",
]

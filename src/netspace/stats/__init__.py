"""Statistics of model populations: what a difference between two design spaces is worth. Needs neither store nor torch.

Errors are in %, lower is better; a failed model has error +inf and is never dropped. Names are imported when they are
used: a comparison needs no tables, and early stopping no comparison.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

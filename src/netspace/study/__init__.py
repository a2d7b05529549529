"""L5: population runs: plan, lease, train, record, resume.

Names are imported when they are used: a worker that trains needs neither the statistics nor the database.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

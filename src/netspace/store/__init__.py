"""The result store: studies, runs and curves in an SQLite file, or in PostgreSQL by URL.

Names are imported when they are used: a worker that trains describes its outcome; the database and pandas are the
driver's alone.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

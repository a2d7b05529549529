"""L4: one network trained. Torch is imported when the first name that needs it is used."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

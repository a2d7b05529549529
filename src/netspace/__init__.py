"""netspace: design convolutional networks by designing the space they come from.

The names are listed in `__init__.pyi`. Each is imported when it is first used, torch only when a model is built or
trained.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

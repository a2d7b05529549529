"""L6: from images and a limit to a trained network: a study in the cheap regime, the best of it trained fully."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

"""L2: code of one's own, loaded and counted: blocks for AnyNet, and functions that build whole networks.

Both are one thing here: something that is called with named arguments and returns a module, whose cost and output shape
are found on tensors without memory. `netspace.arch.code` says what is meant, this package what it does.
"""

from netspace.code.complexity import complexity_of, is_counted
from netspace.code.loading import load, named

__all__ = ["complexity_of", "is_counted", "load", "named"]

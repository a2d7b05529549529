"""Names that a package offers without importing what defines them: `import netspace` stays fast and free of torch."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def lazy_names(package: str, names: Mapping[str, str]) -> Callable[[str], Any]:
    """Return a module `__getattr__` (PEP 562) that imports a name from where it is defined when it is first used.

    Args:
        package: `__name__` of the module.
        names: public name -> "module" (the module itself) or "module:attribute".
    """

    def __getattr__(name: str) -> Any:  # noqa: N807 (it becomes the module's own)
        if name not in names:
            raise AttributeError(f"module '{package}' has no attribute '{name}'")
        module, _, attribute = names[name].partition(":")
        found = importlib.import_module(module)
        return getattr(found, attribute) if attribute else found

    return __getattr__

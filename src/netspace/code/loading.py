"""Loading: from the value that names code to the function or class itself, and what that takes."""

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any

from typing_extensions import override

from netspace.arch.code import Code, code_from, know_file, known_file, sources
from netspace.errors import ConfigError, first_line, raise_unknown, short


@dataclass(frozen=True, kw_only=True, eq=False)
class Maker:
    """A function or class that makes modules.

    Attributes:
        code: what it is.
        call: the function or class.
        names: of its parameters that may be given by name.
        required: those without a default.
        any_name: whether it takes names that it does not list (`**options`).
        defaults: of the others.
    """

    code: Code
    call: Callable[..., Any]
    names: frozenset[str]
    required: frozenset[str]
    any_name: bool
    defaults: Mapping[str, Any]

    def takes(self, name: str) -> bool:
        """Return whether a parameter reaches it."""
        return name in self.names or self.any_name

    def __call__(self, **arguments: Any) -> Any:
        """Return what it makes.

        Raises:
            ConfigError: it raised, or what it returned is no module; the message shows the call.
        """
        from torch import nn

        try:
            made = self.call(**arguments)
        except Exception as error:  # whatever someone else's code raises
            raise ConfigError(
                f"{shown(self.code, arguments)} raised {type(error).__name__}: {first_line(error)}"
            ) from error
        if not isinstance(made, nn.Module):
            raise ConfigError(f"{shown(self.code, arguments)} returned {short(made)}, which is not a torch.nn.Module")
        return made


@cache
def load(code: Code) -> Maker:
    """Return the function or class that is meant; the module or file that holds it is run for this, once.

    Raises:
        ConfigError: it cannot be found or imported, has changed, or is nothing that can be called by name.
    """
    call = _of_library(code) if code.of_library else _found(code)
    if not callable(call):
        raise ConfigError(f"{code}: must be a function or a class, got {short(call)}")
    try:
        parameters = inspect.signature(call).parameters.values()
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{code}: its parameters cannot be determined ({first_line(error)})") from None
    if unnamed := [one.name for one in parameters if one.kind is one.POSITIONAL_ONLY and one.default is one.empty]:
        raise ConfigError(f"{code}: every parameter must be accepted by keyword, got '{unnamed[0]}'")
    by_name = [one for one in parameters if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]
    return Maker(
        code=code,
        call=call,
        names=frozenset(one.name for one in by_name),
        required=frozenset(one.name for one in by_name if one.default is one.empty),
        any_name=any(one.kind is one.VAR_KEYWORD for one in parameters),
        defaults={one.name: one.default for one in by_name if one.default is not one.empty},
    )


def named(thing: Callable[..., Any]) -> Code:
    """Return the value of a function or class that Python has already: for spaces that are made in Python.

    Raises:
        ConfigError: it was not defined at the top of a file, where workers could find it.
    """
    name = getattr(thing, "__qualname__", "")
    try:
        file = inspect.getsourcefile(thing)
    except TypeError:
        file = None
    if file is None or not Path(file).is_file() or not all(map(str.isidentifier, name.split("."))):
        raise ConfigError(
            f"{short(thing)}: must be defined at the top level of a file, from where workers can import it"
        )
    return code_from(f"{file}:{name}")


def shown(code: Code, arguments: Mapping[str, Any]) -> str:
    """Return a call as messages show it."""
    return f"{code}({', '.join(f'{name}={short(value)}' for name, value in arguments.items())})"


def _found(code: Code) -> Any:
    module = _module(known_file(code), code)
    found: Any = module
    for part in code.name.split("."):
        if not hasattr(found, part):
            public = [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]
            raise_unknown(f"name in {code.source}", code.name, public)
        found = getattr(found, part)
    return found


def _module(path: Path, code: Code) -> Any:
    if not code.in_file:
        try:
            return importlib.import_module(code.source)
        except Exception as error:
            raise ConfigError(f"{code.source} cannot be imported ({_reason(error)})") from error
    name = f"netspace_code_{code.digest}"
    if name in sys.modules:
        return sys.modules[name]
    folder = str(path.parent)
    # what it imports from beside itself is found there; another file's helper of the same name is not taken for it
    for beside in sources(path).keys() - {path.name}:
        sys.modules.pop(Path(beside).stem, None)
    if len(sources(path)) > 1 and folder not in sys.path:
        sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location(name, path, loader=_FromSource(name, str(path)))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise ConfigError(f"{path} cannot be imported ({_reason(error)})") from error
    if know_file(path) != code.digest:
        raise ConfigError(f"{path}: changed while it was imported")
    return module


class _FromSource(SourceFileLoader):
    """Compiles what the file holds now: cached bytecode is told apart by second and size, which an edit may keep."""

    @override
    def get_code(self, fullname: str) -> CodeType:
        return compile(self.get_data(self.path), self.path, "exec", dont_inherit=True)


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {first_line(error)}"


def _of_library(code: Code) -> Callable[..., Any]:
    if code.source == "timm":
        import timm

        if not timm.is_model(code.name):
            raise ConfigError(f"timm has no network '{code.name}'; timm.list_models() lists them")
        timm_name = code.name

        def make_timm(*, num_classes: int, in_chans: int = 3, **options: Any) -> Any:
            return timm.create_model(timm_name, num_classes=num_classes, in_chans=in_chans, **options)

        return make_timm
    from torchvision import models

    if code.name not in models.list_models():
        raise ConfigError(f"torchvision has no network '{code.name}'; torchvision.models.list_models() lists them")

    def make_torchvision(*, num_classes: int, **options: Any) -> Any:
        return models.get_model(code.name, weights=None, num_classes=num_classes, **options)

    return make_torchvision

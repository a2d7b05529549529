"""From the name of a network, as people write it, to the network."""

from pathlib import Path

from netspace.arch import zoo
from netspace.arch.built import BuiltConfig, NetworkConfig, read_network
from netspace.arch.code import code_from, names_code
from netspace.arch.compared import BASELINES, known
from netspace.documents import is_document
from netspace.errors import UnknownNameError, raise_unknown


def find_network(name: str, folder: Path | str = ".") -> NetworkConfig:
    """Return the network that a name or a file means.

    A file, if there is one or the name ends as YAML or JSON does; code that builds it, as `timm:NAME` or
    `FILE.py:NAME`; a network of the zoo; or one that the paper compares with and a library ships.

    Args:
        name: of the network, or path of its file.
        folder: what paths are relative to.

    Raises:
        UnknownNameError: there is no such network, or no library ships it.
        ConfigError: a file cannot be read, or what it holds breaks a rule; or there is no such code.
    """
    path = Path(folder, name)
    if is_document(name) or path.is_file():
        return read_network(path)
    if names_code(name):
        return BuiltConfig(builder=code_from(name, folder))
    try:
        return zoo.get(name)
    except UnknownNameError:
        compared = known(name)
        if compared is None:
            raise_unknown("network", name, (*(one.name for one in zoo.ZOO), *(one.name for one in BASELINES)))
    if compared.builder is None:
        raise UnknownNameError(f"{compared.name} cannot be built: {compared.note}")
    return BuiltConfig(builder=code_from(f"{compared.library}:{compared.builder}"))

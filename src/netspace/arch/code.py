"""Code of one's own, as a value: which function or class is meant, and what its file held.

`FILE.py:NAME` names something in a file, `package.module:NAME` something that Python can import, and `timm:NAME` or
`torchvision:NAME` a network of these libraries. The value says where nothing lies: files are known by their content, so
that a study or a package may move, and code that has changed is another value. Nothing is run here.
"""

import ast
import hashlib
import re
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from netspace.documents import Document, digest
from netspace.errors import ConfigError, first_line, short

LIBRARIES = ("timm", "torchvision")
"""Libraries whose networks are known by name; their version stands for their code."""

FORM = "FILE.py:NAME, package.module:NAME, timm:NAME or torchvision:NAME"

_FILES: dict[str, Path] = {}  # where the files of a digest lie, as this process has seen them


class Code(Document):
    """A function or class that makes PyTorch modules.

    Attributes:
        code: what is meant, see `FORM`; of a file its name alone, without folders.
        digest: 16 hexadecimal digits of the file and of the files beside it that it imports; of a library's network of
            library and version.
    """

    code: str
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]

    @model_validator(mode="before")
    @classmethod
    def _named(cls, data: Any) -> Any:
        return code_from(data).model_dump() if isinstance(data, str) else data

    @property
    def source(self) -> str:
        """The file's name, the module, or the library."""
        return self.code.rpartition(":")[0]

    @property
    def name(self) -> str:
        """The function or class; of a library the network."""
        return self.code.rpartition(":")[2]

    @property
    def in_file(self) -> bool:
        """Whether it is in a file, and not in something that Python can import."""
        return self.source.endswith(".py")

    @property
    def of_library(self) -> bool:
        """Whether a library that netspace knows has it; whoever runs other code should trust who wrote it."""
        return self.source in LIBRARIES

    def __str__(self) -> str:
        return self.code


def names_code(text: Any) -> bool:
    """Return whether a text names code rather than a block or a network."""
    return isinstance(text, str) and ":" in text


def as_code(data: Any) -> Any:
    """Return what a document has where code may stand: a text that names code as its value, all else as it is."""
    return code_from(data) if names_code(data) else data


def code_from(text: str, folder: Path | str = ".") -> Code:
    """Return the value of code that a text names.

    Args:
        text: see `FORM`.
        folder: what the path of a file is relative to.

    Raises:
        ConfigError: the text names no code, or there is no such file or module.
    """
    source, _, name = text.rpartition(":")
    if not source or not name or (source not in LIBRARIES and not all(map(str.isidentifier, name.split(".")))):
        raise ConfigError(f"code is given as {FORM}, got {short(text)}")
    if source in LIBRARIES:
        return Code(code=text, digest=digest([source, version(source)]))
    if source.endswith(".py"):
        path = Path(folder, source)
        return Code(code=f"{path.name}:{name}", digest=know_file(path))
    return Code(code=text, digest=know_file(_module_file(source)))


def know_file(path: Path) -> str:
    """Remember where a file of code lies, and return its digest.

    Raises:
        ConfigError: it cannot be read.
    """
    found = digest({name: hashlib.sha256(content).hexdigest() for name, content in sources(path).items()})
    _FILES[found] = path.resolve()
    return found


def known_file(code: Code) -> Path:
    """Return where the file of this content lies.

    Raises:
        ConfigError: this process has not seen such a file, or it has changed since.
    """
    path = _FILES.get(code.digest)
    if path is None and not code.in_file:
        path = _module_file(code.source)
    if path is None and code.in_file:
        # a worker was told where the file lies, but it is not what it was
        path = next((known for known in _FILES.values() if known.name == code.source), None)
    if path is None:
        raise ConfigError(f"{code}: {code.source} with the digest {code.digest} was not found beside what names it")
    if know_file(path) != code.digest:
        raise ConfigError(
            f"{path}: the code has changed, and results must not be mixed: restore the version with digest "
            f"{code.digest}, or start a new study under another name"
        )
    return path


def sources(path: Path) -> dict[str, bytes]:
    """Return a file of code and the files beside it that it imports, directly or not: contents by file name.

    Raises:
        ConfigError: it cannot be read, or is not Python.
    """
    found: dict[str, bytes] = {}
    waiting = [path]
    while waiting:
        one = waiting.pop()
        if one.name in found:
            continue
        try:
            found[one.name] = one.read_bytes()
            tree = ast.parse(found[one.name])
        except FileNotFoundError:
            raise ConfigError(f"{one}: no such file") from None
        except OSError as error:
            raise ConfigError(f"{one}: cannot be read ({first_line(error)})") from None
        except SyntaxError as error:
            line = f", line {error.lineno}" if error.lineno else ""
            raise ConfigError(f"{one}{line}: not valid Python ({error.msg})") from None
        except ValueError as error:
            raise ConfigError(f"{one}: not valid Python ({first_line(error)})") from None
        waiting += [beside for name in _imported(tree) if (beside := path.parent / f"{name}.py").is_file()]
    return found


def _imported(tree: ast.AST) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level < 2:
            names.add(node.module.partition(".")[0])
    return names


def _module_file(module: str) -> Path:
    if not re.fullmatch(r"\w+(\.\w+)*", module):
        raise ConfigError(f"code is given as {FORM}, got the module {short(module)}")
    try:
        spec = find_spec(module)
    except Exception as error:  # a package that is imported on the way may raise anything
        raise ConfigError(f"the module '{module}' cannot be imported ({first_line(error)})") from None
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        raise ConfigError(f"no Python module '{module}'; a file is given as FILE.py:NAME")
    return Path(spec.origin)

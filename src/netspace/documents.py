"""YAML and JSON documents in, validated models out, and every mistake in them reported in one line.

A user's file is read by `read_yaml` (the safe loader, nothing else) and checked by `parse`, which turns pydantic's
report into one sentence that names the file, the key and what would be valid there.
"""

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from typing_extensions import override

from netspace.errors import ConfigError, NetspaceError, first_line, one_line, short

Model = TypeVar("Model", bound=BaseModel)


_TAG = "tag:yaml.org,2002:"

_MOST_REPEATED = 1_000_000
"""Values that the aliases of a YAML file may stand for, all together; a few lines can stand for billions."""

_SURROGATE = re.compile("[\\ud800-\\udfff]")
_HALF_ESCAPED = re.compile(r"\\u[dD][89a-fA-F]")
_JSON = json.JSONDecoder()
_JSON_SPACE = re.compile(r"[ \t\n\r]*")


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, without what YAML 1.1 makes of plain words and numbers and nobody means.

    As in YAML 1.2, `10:50` is no number to the base of 60, `no` and `on` are words, and `1e6` is a number.
    """


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if tag not in {f"{_TAG}bool", f"{_TAG}int", f"{_TAG}float"}]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _kind, _pattern, _first in (
    ("bool", r"(true|True|TRUE|false|False|FALSE)$", "tTfF"),
    (
        "float",
        r"([-+]?[0-9][0-9_]*\.[0-9_]*([eE][-+]?[0-9]+)?|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+"
        r"|[-+]?\.[0-9][0-9_]*([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$",
        "-+0123456789.",
    ),
    ("int", r"[-+]?(0b[01_]+|0x[0-9a-fA-F_]+|0[0-7_]*|[1-9][0-9_]*)$", "-+0123456789"),
):
    _Loader.add_implicit_resolver(f"{_TAG}{_kind}", re.compile(_pattern), list(_first))


class Document(BaseModel):
    """Base of everything a user may write in a file: frozen, and an unknown key is an error.

    Raises:
        ConfigError: at construction, when a value breaks a rule; one line that names the key.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    if not TYPE_CHECKING:  # checkers and editors see pydantic's own constructor: one typed argument for each key

        def __init__(self, **values: Any) -> None:
            try:
                super().__init__(**values)
            except ValidationError as error:
                raise ConfigError(_first_problem(error, type(self), type(self).__name__)) from None

        # pydantic's mark of a constructor that it need not call for models nested in others: they keep its full report
        __init__.__pydantic_base_init__ = True


def is_document(name: Path | str) -> bool:
    """Return whether a file of this name is a YAML or JSON document, by its ending."""
    return Path(name).suffix.lower() in {".yaml", ".yml", ".json"}


def read_yaml(path: Path | str) -> Any:
    """Return what the YAML (or JSON) file at `path` holds, as plain lists, dicts and scalars.

    Raises:
        ConfigError: the file is missing, not text, or neither YAML nor JSON; the message names it and the line.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
        # YAML allows no tabs where JSON does
        return json_value(text) if path.suffix.lower() == ".json" else _loaded(text)
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as text ({first_line(error)})") from None
    except json.JSONDecodeError as error:
        raise ConfigError(f"{path}, line {error.lineno}, column {error.colno}: not valid JSON ({error.msg})") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or first_line(error)
        raise ConfigError(f"{path}{where}: not valid YAML ({problem})") from None
    except RecursionError:
        raise ConfigError(f"{path}: not valid YAML (nested too deeply)") from None
    except (ValueError, LookupError, AttributeError) as error:  # PyYAML lets these out of `2026-02-30`, `!!bool x`, ...
        raise ConfigError(f"{path}: not valid YAML (a value cannot be read: {first_line(error)})") from None


def _loaded(text: str) -> Any:
    """Return what a YAML text holds.

    Raises:
        ValueError: its aliases repeat too much, or a text in it is none that can be written.
        yaml.YAMLError, LookupError, AttributeError, RecursionError: PyYAML cannot read it.
    """
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        sizes: dict[int, int] = {}
        if _size(node, sizes) > len(sizes) + _MOST_REPEATED:
            raise ValueError(f"its aliases expand to more than {_MOST_REPEATED:,} values")
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """Return how many values a node stands for, each alias counted as what it repeats."""
    if id(node) in known:
        if not known[id(node)]:
            raise ValueError("an alias refers to a value that contains it")
        return known[id(node)]
    known[id(node)] = 0  # until it is done
    size = 1
    if isinstance(node, yaml.MappingNode):
        size += sum(_size(key, known) + _size(value, known) for key, value in node.value)
    elif isinstance(node, yaml.SequenceNode):
        size += sum(_size(item, known) for item in node.value)
    elif _SURROGATE.search(node.value):
        raise ValueError("a text contains half a character, a lone surrogate")
    known[id(node)] = size
    return size


def json_value(text: str | bytes) -> Any:
    """Return what a JSON text holds.

    Raises:
        ValueError: it is not JSON or UTF-8, it is nested too deeply, or a text in it is none that can be written.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8-sig")
    found, end = _json_at(text, _after_space(text, 0))
    if (end := _after_space(text, end)) != len(text):
        raise json.JSONDecodeError("Extra data", text, end)
    return found


def json_entries(text: str) -> Iterator[Any]:
    """Yield the entries of the list that a JSON text holds one by one, for all at once would take much memory.

    Anything but a list is its own only entry.

    Raises:
        ValueError: as for `json_value`, if need be after some entries.
    """
    start = _after_space(text, 0)
    if not text.startswith("[", start):
        yield json_value(text)
        return
    start = _after_space(text, start + 1)
    more = not text.startswith("]", start)
    while more:
        entry, start = _json_at(text, start)
        yield entry
        start = _after_space(text, start)
        more = text.startswith(",", start)
        if more:
            start = _after_space(text, start + 1)
        elif not text.startswith("]", start):
            raise json.JSONDecodeError("Expecting ',' delimiter", text, start)
    if (end := _after_space(text, start + 1)) != len(text):
        raise json.JSONDecodeError("Extra data", text, end)


def _json_at(text: str, start: int) -> tuple[Any, int]:
    """Return the value that begins at a place of a JSON text, and where it ends; raises as `json_value` does."""
    try:
        found, end = _JSON.raw_decode(text, start)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    # half a character can be there as an escape alone
    if _HALF_ESCAPED.search(text, start, end) and _SURROGATE.search(json.dumps(found, ensure_ascii=False)):
        raise ValueError("a text contains half a character, a lone surrogate")
    return found, end


def _after_space(text: str, start: int) -> int:
    found = _JSON_SPACE.match(text, start)
    assert found is not None, "it matches nothing too"
    return found.end()


def read_json(path: Path, error: type[NetspaceError] = ConfigError) -> Any:
    """Return what the JSON file at `path` holds.

    Raises:
        NetspaceError: of the kind `error`; the file is missing, unreadable or not JSON.
    """
    with _read_as_json(path, error):
        return json_value(path.read_bytes())


def read_json_entries(path: Path, error: type[NetspaceError] = ConfigError) -> Iterator[Any]:
    """Yield what `json_entries` finds in the JSON file at `path`; raises as `read_json` does."""
    with _read_as_json(path, error):
        yield from json_entries(path.read_bytes().decode("utf-8-sig"))


@contextmanager
def _read_as_json(path: Path, error: type[NetspaceError]) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise error(f"{path}: no such file") from None
    except (OSError, ValueError) as reason:
        raise error(f"{path}: cannot be read as JSON ({first_line(reason)})") from None


def parse(model: type[Model], data: Any, where: str) -> Model:
    """Validate `data` as `model`; `where` (a file's path, say) begins the message of the error.

    Raises:
        ConfigError: one line with the key's path inside the document, what was received and what is valid.
    """
    if not isinstance(data, dict):
        expected = ", ".join(_keys(model))
        raise ConfigError(f"{where}: must be a mapping with the keys {expected}, got {short(data)}")
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise ConfigError(_first_problem(error, model, where)) from None
    except NetspaceError as error:
        raise error.at(where) from None


def dump_yaml(data: Any) -> str:
    """Return `data` as YAML, keys in the given order, short lists on one line."""
    return yaml.dump(data, Dumper=_InFull, sort_keys=False, default_flow_style=None, width=100)


class _InFull(yaml.SafeDumper):
    """Writes what occurs twice twice: readers of a study are not to look up what an anchor stands for."""

    @override
    def ignore_aliases(self, data: Any) -> bool:
        return True


def plain(value: Any) -> Any:
    """Return `value` as JSON holds it: tuples as lists, numpy's values as Python's, NaN and infinities as None."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value


def whole_if_whole(value: Any) -> Any:
    """Return 1 for 1.0, so that one value has one spelling and one digest; anything else as it is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def differences(before: Any, now: Any, key: str = "") -> Iterator[str]:
    """Yield where two plain documents differ, each as 'key = old (now new)', in the order of `before`."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for name in {**before, **now}:
            yield from differences(before.get(name), now.get(name), f"{key}.{name}" if key else str(name))
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for i, (one, other) in enumerate(zip(before, now, strict=True)):
            yield from differences(one, other, f"{key}.{i}")
    elif before != now:
        yield f"{key} = {_named(before)} (now {_named(now)})"


def _named(value: Any) -> str:
    """Return a value for a message, a list of things with names by these."""
    names = [entry.get("name") for entry in value if isinstance(entry, Mapping)] if isinstance(value, list) else []
    return short(names if names and all(names) and len(names) == len(value) else value)


def digest(data: Any) -> str:
    """Return the identity of plain `data`: 16 hexadecimal digits of the SHA-256 of its canonical JSON."""
    canonical = json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def _first_problem(error: ValidationError, model: type[BaseModel], where: str) -> str:
    """Say the first problem of a pydantic report in one line, and how many more there are."""
    problems = error.errors(include_url=False)
    # an unknown key explains a "missing" one beside it, so report it first
    problem = next((p for p in problems if p["type"] == "extra_forbidden"), problems[0])
    path = [
        part for part in problem["loc"] if not (isinstance(part, str) and part.startswith(("function-", "tagged-")))
    ]
    key = one_line(".".join(str(part)[:120] for part in path), 240)
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    if problem["type"] == "extra_forbidden":
        owner = _model_at(model, path[:-1])
        inside = None if len(path) > 1 else _model_with(model, key)
        if inside is not None:
            return f"{where}: the key '{key}' belongs inside '{inside}', as in {inside}: {{{key}: ...}}{more}"
        valid = f"; valid: {', '.join(_keys(owner))}" if owner else ""
        return f"{where}: unknown key '{key}'{valid}{more}"
    if problem["type"] == "missing":
        return f"{where}: the key '{key}' is missing{more}"
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "value_error":
        return f"{where}: {key + ': ' if key else ''}{message}{more}"
    message = message[0].lower() + message[1:]
    return f"{where}: {key}: {message}, got {short(problem['input'])}{more}"


def _keys(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_at(model: type[BaseModel], path: list[Any]) -> type[BaseModel] | None:
    """Return the model that the key path `path` leads to, if the annotations name one plainly."""
    found: Any = model
    for part in path:
        if not (isinstance(found, type) and issubclass(found, BaseModel)):
            return None
        if isinstance(part, str) and part in found.model_fields:
            annotation = found.model_fields[part].annotation
            found = next((one for one in get_args(annotation) if one is not type(None)), annotation)
    return found if isinstance(found, type) and issubclass(found, BaseModel) else None


def _model_with(model: type[BaseModel], key: str) -> str | None:
    """Return the key of the first model inside `model` that has a field `key`."""
    inside = {name: _model_at(model, [name]) for name in model.model_fields}
    return next((name for name, one in inside.items() if one is not None and key in one.model_fields), None)

"""Reads definitions from YAML files: errors name the file, the line, the field, and what was expected."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from models.counting import counted
from models.errors import ConfigurationError
from models.pattern_words import message_of

MAX_FILES: Final = 200
_MAX_BYTES: Final = 20_000
# A few lines with aliases of aliases can be more than memory holds, where somebody shows or copies them.
_MAX_NODES: Final = 10_000
_Model = TypeVar("_Model", bound=BaseModel)


class _Loader(yaml.SafeLoader):
    """Reads scalars as JSON has them: YAML 1.1 also makes dates, times and ``yes`` of what people write as text."""


_Loader.yaml_implicit_resolvers = {}
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:null|~|)$"), ["n", "~", ""])
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^-?\d{1,18}$"), list("-0123456789"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^-?(?:\d{1,18}\.\d{0,18}|\.\d{1,18})$"), list("-.0123456789")
)


def files(folder: Path, errors: list[ConfigurationError]) -> list[Path]:
    """Return the YAML files of a folder by name, the first ``MAX_FILES``; an error is added where there are more."""
    try:
        if not folder.is_dir():
            return []
        found = sorted(path for path in folder.iterdir() if path.suffix in {".yaml", ".yml"} and path.is_file())
    except OSError as error:
        errors.append(ConfigurationError(f"{folder} cannot be read ({error.strerror}); nothing of it is used"))
        return []
    if len(found) > MAX_FILES:
        much = f"{folder} has {counted(len(found), 'definition')}; only the first {MAX_FILES} are read"
        errors.append(ConfigurationError(much))
    return found[:MAX_FILES]


class FileLines:
    """Where the fields of a file are."""

    def __init__(self, path: Path, tree: yaml.Node | None) -> None:
        self._path = path
        self._tree = tree

    def wrong(self, place: Sequence[int | str], message: str) -> ConfigurationError:
        """Return the error of a field; ``place`` leads to it, names and positions in lists."""
        field = ".".join(str(one + 1) if isinstance(one, int) else one for one in place)
        return ConfigurationError(f"{self._path}, line {self._line(place)}: {field or 'the file'}: {message}")

    def refuse_repeated_keys(self) -> None:
        """Raise ``ConfigurationError`` where a mapping has a key twice: YAML would take the last one."""
        waiting = [self._tree]
        seen: set[int] = set()
        while waiting:
            node = waiting.pop()
            if node is None or id(node) in seen:  # an alias may contain itself
                continue
            seen.add(id(node))
            if isinstance(node, yaml.SequenceNode):
                waiting += node.value
            elif isinstance(node, yaml.MappingNode):
                names: set[str] = set()
                for key, value in node.value:
                    if str(key.value) in names:
                        line = key.start_mark.line + 1
                        raise ConfigurationError(f"{self._path}, line {line}: {key.value}: is there twice")
                    names.add(str(key.value))
                    waiting.append(value)

    def _line(self, place: Sequence[int | str]) -> int:
        node, line = self._tree, 1
        for name in place:
            if isinstance(node, yaml.MappingNode):
                found = next(((key, value) for key, value in node.value if key.value == str(name)), None)
                if found is None:
                    break
                line, node = found[0].start_mark.line + 1, found[1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(name, int) and name < len(node.value):
                node = node.value[name]
                line = node.start_mark.line + 1
            else:
                break
        return line


def parsed(path: Path, model: type[_Model]) -> tuple[_Model, FileLines]:
    """Return what a file says, and where.

    Raises
    ------
    ConfigurationError
        It cannot be read, is no YAML, or does not say what ``model`` expects.
    """
    try:
        with path.open("rb") as opened:
            content = opened.read(_MAX_BYTES + 1)
        text = content.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read ({error}); expected YAML in UTF-8") from None
    if len(content) > _MAX_BYTES:
        raise ConfigurationError(f"{path} is longer than {_MAX_BYTES:,} bytes; expected one definition")
    try:
        tree = yaml.compose(text, Loader=_Loader)
        if _expanded(tree, {}) > _MAX_NODES:
            raise ConfigurationError(f"{path}: aliases make more than {_MAX_NODES:,} values of it; write them out")
        raw = yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader with fewer types
    # What constructors of explicit tags make of other text: !!int foo, !!bool foo, !!timestamp foo.
    except (yaml.YAMLError, RecursionError, ValueError, LookupError, AttributeError, TypeError) as error:
        raise ConfigurationError(f"{path}: this is not YAML ({' '.join(str(error).split())[:200]})") from None
    if not isinstance(raw, dict):
        raise ConfigurationError(f"{path}: expected a mapping with {', '.join(model.model_fields)}")
    lines = FileLines(path, tree)
    lines.refuse_repeated_keys()
    try:
        return model.model_validate(raw), lines
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise lines.wrong(first["loc"], problem_of(first)) from None


def _expanded(node: yaml.Node | None, known: dict[int, int]) -> int:
    """Return how many values there are with aliases written out; very many of what contains itself."""
    if node is None or isinstance(node, yaml.ScalarNode):
        return 1
    if id(node) not in known:
        known[id(node)] = _MAX_NODES + 1
        inner = (one for pair in node.value for one in (pair if isinstance(pair, tuple) else (pair,)))
        known[id(node)] = 1 + sum(_expanded(one, known) for one in inner)
    return known[id(node)]


def problem_of(error: Any) -> str:
    """Return one of pydantic's errors in words: what was expected, and what was found."""
    expected = error.get("ctx", {}).get("expected")
    if error["type"] == "missing":
        return "is missing"
    if error["type"] == "extra_forbidden":
        return "is not a field of a definition; see docs/custom-figures.md"
    if expected is not None:
        return f"expected {expected}, found {error['input']!r}"
    message = message_of(error)
    return message[:1].lower() + message[1:]

"""The fast path of a call: code that writes the events of one topic, generated once from the topic's JSON Schema.

``romashka_tracker.contract`` is the definition: it says what is valid, and makes every error. The generated code knows
values of exactly the usual types (no subclasses) and within the bounds of the schema, and writes the same bytes as the
contract. For anything else it returns ``None``, and the contract decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from string import Template
from typing import Any, Final
from uuid import UUID

from romashka_tracker.contract import MAX_EVENT_BYTES
from romashka_tracker.json_texts import JsonText, Texts, decimal, ids, listed, texts
from romashka_tracker.transport import Message
from romashka_tracker.wire import moment_text
from romashka_tracker.wording import given_arm, kind

# Writes the fields of a call, followed by ``tail``; ``None`` where any value is unusual.
Writer = Callable[[Mapping[str, object], str], Message | None]

_ANNOTATIONS: Final = {"title", "description"}
_KEYWORDS: Final = {
    "uuid": {"type", "format", "pattern"},
    "date-time": {"type", "format"},
    "boolean": {"type"},
    "integer": {"type", "minimum", "maximum"},
    "number": {"type", "minimum", "maximum"},
    "string": {"type", "pattern", "minLength", "maxLength", "enum"},
    "array": {"type", "items", "maxItems"},
}


# How a value of each kind is checked and converted.
_NONE: Final = """
if $v is None:
    return None"""
_LINES: Final = {
    "uuid": """\
if type($v) is UUID:
    $v = $known[$v.int]
elif type($v) is str:
    $v = $known[$v]
else:
    return None"""
    + _NONE,
    "string": """\
if type($v) is not str:
    return None
$v = $known[$v]"""
    + _NONE,
    "boolean": """\
$v = "true" if $v is True else "false" if $v is False else None"""
    + _NONE,
    "integer": """\
if type($v) is not int or not $low <= $v <= $high:
    return None""",
    "number": """\
if type($v) is float or type($v) is int:
    if not $low <= $v <= $high:
        return None
else:
    $v = decimal($v, $low, $high)
    if $v is None:
        return None""",
    "date-time": """\
$v = moment_text($v) if type($v) is datetime else None"""
    + _NONE,
    "array": """\
$v = $known($v)"""
    + _NONE,
}
_DISTINCT_TEXT: Final = _LINES["string"].replace("$known[$v]", "$known($v)")


class UnknownKeyword(Exception):
    """The schema has a keyword that the generated code would not check."""


def writer(schema: Mapping[str, Any], names: Sequence[str]) -> Writer:
    """Return the code that writes the fields ``names``, in that order; the first of them is required.

    Raises
    ------
    UnknownKeyword
        The schema says more of one of them than is known here.
    """
    source = _Source(schema)
    code = source.code(names)
    exec(compile(code, f"<writer of {schema['title']}>", "exec"), source.namespace)  # noqa: S102 - of our own schema
    write: Writer = source.namespace["write"]
    return write


def field_writers(schema: Mapping[str, Any], names: Iterable[str]) -> dict[str, JsonText]:
    """Return what writes single fields of text.

    Raises
    ------
    UnknownKeyword
        As ``writer``.
    """
    return {name: _text_writer(name, _arm(schema["properties"][name])) for name in names}


def _text_writer(name: str, arm: Mapping[str, Any]) -> JsonText:
    known = _texts(arm)
    if _distinct(name):
        return lambda value: known.write(value) if type(value) is str else None
    return lambda value: known[value] if type(value) is str else None


class _Source:
    """The generated code of one topic, and the names it uses."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._properties = schema["properties"]
        self._required = schema["required"]
        # Fields that are given together or not at all: see ``Contract``.
        self._together: Sequence[str] = schema["anyOf"][0]["required"] if "anyOf" in schema else ()
        self.namespace: dict[str, Any] = {
            "UUID": UUID,
            "Message": Message,
            "datetime": datetime,
            "decimal": decimal,
            "moment_text": moment_text,
            "new": tuple.__new__,
        }

    def code(self, names: Sequence[str]) -> str:
        variables = {name: f"v{position}" for position, name in enumerate(names)}
        lines = ["def write(fields, tail):"]
        target, required = "text =", ""
        for name, variable in variables.items():
            lines.append(f"    {variable} = fields[{name!r}]")
            checks, shown = self._field(name, variable)
            piece = f'{"," if variable != "v0" else "{{"}"{name}":{shown}'
            if name in self._required:
                lines += _indented(checks, 4)
                required += piece
                continue
            if required:
                lines.append(f"    {target} f'{required}'")
                target, required = "text +=", ""
            lines += [f"    if {variable} is not None:", *_indented(checks, 8), f"        text += f'{piece}'"]
        if required:
            lines.append(f"    {target} f'{required}'")
        if self._together:
            given = [f"({variables[name]} is None)" for name in self._together]
            lines += [f"    if not ({' == '.join(given)}):", "        return None"]
        lines += [
            "    value = (text + tail).encode()",
            f"    if len(value) > {MAX_EVENT_BYTES}:",
            "        return None",
            f"    return new(Message, ({variables['user_id']}.encode(), value))",
        ]
        return "\n".join(lines)

    def _field(self, name: str, variable: str) -> tuple[list[str], str]:
        """Return the lines that check and convert a variable, and how an f-string shows it."""
        arm = _arm(self._properties[name])
        lines, shown = _LINES[kind(arm)], "{v}"
        low, high = arm.get("minimum"), arm.get("maximum")
        match kind(arm):
            case "uuid":
                self.namespace[f"of_{name}"], shown = ids(arm.get("pattern", "")), '"{v}"'
            case "date-time":
                shown = '"{v}"'
            case "integer" | "number":
                shown = "{v!r}"
            case "string":
                known = _texts(arm)
                self.namespace[f"of_{name}"] = known.write if _distinct(name) else known
                lines = _DISTINCT_TEXT if _distinct(name) else lines
            case "array":
                self.namespace[f"of_{name}"] = listed(_texts(_arm(arm["items"])), arm["maxItems"])
        names = {"v": variable, "known": f"of_{name}", "low": repr(low), "high": repr(high)}
        return Template(lines).substitute(names).splitlines(), shown.replace("v", variable, 1)


def _arm(definition: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a definition says of a value that is given.

    Other forms that it allows (money as text) are left to the contract.
    """
    outer, arm = given_arm(definition), given_arm(given_arm(definition))
    for level in (definition, outer):
        if level is not arm and level.keys() - _ANNOTATIONS != {"anyOf"}:
            raise UnknownKeyword(f"anyOf beside {sorted(level.keys())}")
    unknown = arm.keys() - _ANNOTATIONS - _KEYWORDS[kind(arm)]
    if unknown:
        raise UnknownKeyword(", ".join(sorted(unknown)))
    return arm


def _texts(arm: Mapping[str, Any]) -> Texts:
    choices = tuple(arm["enum"]) if "enum" in arm else None
    return texts(arm.get("pattern", ""), arm.get("minLength", 0), arm.get("maxLength"), choices)


def _distinct(name: str) -> bool:
    """Whether nearly every event has another value, so that remembering them is of no use."""
    return name.endswith("_id")


def _indented(lines: Sequence[str], spaces: int) -> list[str]:
    return [" " * spaces + line for line in lines]

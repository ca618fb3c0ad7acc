"""Settings of any kind from a YAML file and the words behind it; what is wrong is named in full."""

import re
import types
from argparse import ArgumentError
from collections.abc import Callable, Iterator, Mapping
from dataclasses import InitVar, is_dataclass
from inspect import signature
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from jsonargparse import ArgumentParser

from adalora.errors import ConfigError

from ..checks import did_you_mean
from ..mappings import flatten, read_mapping

Settings = TypeVar("Settings")


def _nothing(_: Any) -> Mapping[str, Any]:
    return {}


def read(
    kind: type[Settings],
    parser: ArgumentParser,
    path: Path | None,
    words: list[str],
    implied: Callable[[Any], Mapping[str, Any]] = _nothing,
) -> Settings:
    """Return the settings of a file, with those of the command line put over them.

    Args:
        kind: a frozen dataclass, whose fields may be such dataclasses.
        parser: from `make_parser`, for the same kind.
        path: YAML file; None for the defaults.
        words: ``--key value`` or ``--key=value``; a key may have ``-`` for ``_``.
        implied: settings -> what follows from them for others that are not given, by full name.

    Raises:
        ConfigError: the file cannot be read, or a setting is unknown, missing, or has a wrong value.
    """
    words = [_with_underscores(word) for word in words]
    in_file = list(_names_in(read_mapping(path))) if path else []
    given = [*in_file, *(_name_of(word) for word in words if word.startswith("--"))]
    known = [*names(kind), "help", "print_config"]
    groups = {name for name in known if any(one.startswith(f"{name}.") for one in known)}
    for name, value in flatten(read_mapping(path)).items() if path else ():
        # The parser would take a word for the path of a further file, of whatever kind.
        if name in groups and value is not None and value != {}:
            own = ", ".join(f"--{one}" for one in known if one.startswith(f"{name}."))
            raise ConfigError(f"{name} is {value!r}, but it is a group of settings; allowed: {own}.")
    for name in given:
        if name not in known:
            raise ConfigError(f"{name} is no setting.{did_you_mean(name, known)}")
    try:
        parsed = parser.parse_args([*(["--config", str(path)] if path else []), *words])
        for name, value in implied(parsed).items():
            if name not in given:
                parsed[name] = value
        values = parser.instantiate(parsed)
    except ArgumentError as error:
        raise ConfigError(_plain(kind, str(error))) from error
    except (OverflowError, RecursionError, TypeError) as error:
        raise ConfigError(f"a setting has a value of a wrong kind, or too large: {error}") from error
    for name in given:
        if "." not in name and name in values and values[name] is None and not _may_be_null(kind, name):
            raise ConfigError(f"{name} is null; allowed: {_in_words(_type_of(kind, name))}.")
    return kind(**{name: values[name] for name in names(kind) if "." not in name})


def _may_be_null(kind: Any, name: str) -> bool:
    return type(None) in get_args(_type_of(kind, name))


def make_parser(kind: type, prog: str, usage: str, about: str) -> ArgumentParser:
    """Return a parser that knows every setting of a kind, by name, type, default and docstring."""
    parser = ArgumentParser(prog=prog, usage=usage, description=about, exit_on_error=False)
    parser.add_argument("--config", action="config")
    parser.add_class_arguments(kind)
    # The parser would take them from a made group of settings, where others have stood in for them.
    parser.set_defaults(dict.fromkeys(_left_out(kind)))
    return parser


def _left_out(kind: Any, before: str = "") -> Iterator[str]:
    """Yield the full names of the settings that are None unless they are given."""
    for name, parameter in signature(kind).parameters.items():
        if is_dataclass(parameter.annotation):
            yield from _left_out(parameter.annotation, f"{before}{name}.")
        elif parameter.default is None:
            yield f"{before}{name}"


def names(config: Any, before: str = "") -> list[str]:
    """Return the full names of all settings, such as ``training`` and ``training.epochs``."""
    found = []
    for name, wanted in _types(config).items():
        found.append(before + name)
        if is_dataclass(wanted):
            found += names(wanted, f"{before}{name}.")
    return found


def _types(kind: Any) -> dict[str, Any]:
    """Return the type of every setting by name, those included that a configuration does not keep."""
    parameters = signature(kind).parameters.values()
    types = {one.name: one.annotation for one in parameters}
    return {name: wanted.type if isinstance(wanted, InitVar) else wanted for name, wanted in types.items()}


def _names_in(settings: Mapping[str, Any], before: str = "") -> Iterator[str]:
    for name, value in settings.items():
        yield f"{before}{name}"
        if isinstance(value, Mapping):
            yield from _names_in(value, f"{before}{name}.")


def _with_underscores(word: str) -> str:
    if not word.startswith("--"):
        return word
    name, equals, value = word.removeprefix("--").partition("=")
    return f"--{name.replace('-', '_')}{equals}{value}"


def _name_of(word: str) -> str:
    # A plus behind the name adds to a list.
    return word.removeprefix("--").partition("=")[0].removesuffix("+")


def _plain(kind: type, message: str) -> str:
    """Return a message of the parser as one sentence: field, value and what is allowed."""
    message = " ".join(message.split())
    # The last key and value are the innermost ones: a group that is given whole names itself first.
    keys = re.findall(r'Parser key "(.+?)":', message)
    values = re.findall(r"(?:Given value: |Got value: )(.*)$|Unable to load config ['\"](.*?)['\"]", message)
    if not keys or not values or keys[-1] not in names(kind):
        return message
    key, wanted, given = keys[-1], _type_of(kind, keys[-1]), "".join(values[-1])
    found = "null" if given == "None" else repr(given)
    if is_dataclass(wanted):
        own = ", ".join(f"--{name}" for name in names(wanted, f"{key}."))
        return f"{key} is {found}, but it is a group of settings; allowed: {own}."
    return f"{key} is {found}; allowed: {_in_words(wanted)}."


def _type_of(kind: Any, key: str) -> Any:
    """Return the type of a setting by its full name."""
    found = kind
    for part in key.split("."):
        found = _types(found)[part]
    return found


def _in_words(kind: Any) -> str:
    """Return what a setting of a type may be, in words."""
    if get_origin(kind) in (Union, types.UnionType):
        return " or ".join(_in_words(one) for one in get_args(kind))
    if get_origin(kind) is Literal:
        return f"one of {', '.join(get_args(kind))}"
    words = {
        bool: "true or false",
        int: "a whole number",
        float: "a finite number",
        str: "a text",
        type(None): "null",
    }
    return words.get(kind, "a list, such as [a, b]")

"""Words of a command that takes several folders and a handful of options; what is wrong is named."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from adalora.errors import ConfigError

from ..checks import unknown

HELP = ("-h", "--help")


@dataclass(frozen=True)
class Option:
    """An option.

    Attributes:
        name: without its hyphens.
        about: what it does.
        values: what its values are called, as the usage writes them; empty for one that takes none.
        several: whether it takes several.
        needed: whether it has to be given.
    """

    name: str
    about: str
    values: str = ""
    several: bool = False
    needed: bool = False


@dataclass(frozen=True)
class Form:
    """What a command takes.

    Attributes:
        name: of the command.
        about: what it does, in one sentence.
        folder: what its folders are called, as the usage writes them.
        folders: what they are.
        options: the others.
        many: whether it takes several folders.
    """

    name: str
    about: str
    folder: str
    folders: str
    options: Sequence[Option]
    many: bool = False

    def usage(self) -> str:
        """Return the command as one would type it."""
        folders = f"{self.folder} [{self.folder} ...]" if self.many else self.folder
        options = [
            one if option.needed else f"[{one}]" for option in self.options for one in [_typed(option)]
        ]
        return " ".join(["adalora", self.name, folders, *options])

    def help(self) -> str:
        """Return what the command does, and what it takes, as lines."""
        rows = {self.folder: self.folders, **{_typed(option): option.about for option in self.options}}
        width = max(map(len, rows)) + 2
        lines = [f"  {name:<{width}}{about}" for name, about in rows.items()]
        return "\n".join([f"usage: {self.usage()}", "", self.about, "", *lines])

    def read(self, words: Sequence[str]) -> tuple[list[str], Mapping[str, list[str]]]:
        """Return the folders, and the values of each option that is given, by name.

        Args:
            words: those behind the command; ``--name value`` or ``--name=value``.

        Raises:
            ConfigError: an option is unknown, needed and missing, or has no value or too many; or no folder
                is named, or too many.
        """
        folders, given = self._sorted(words)
        if not folders:
            raise ConfigError(f"{self.folder} is missing; usage: {self.usage()}.")
        if len(folders) > 1 and not self.many:
            raise ConfigError(
                f"{self.folder} is {folders!r}; allowed: one {self.folder}. Usage: {self.usage()}."
            )
        for option in self.options:
            if option.needed and option.name not in given:
                raise ConfigError(f"{option.name} is missing; usage: {self.usage()}.")
        return folders, given

    def _sorted(self, words: Sequence[str]) -> tuple[list[str], dict[str, list[str]]]:
        options = {option.name: option for option in self.options}
        folders: list[str] = []
        given: dict[str, list[str]] = {}
        rest = list(words)
        while rest:
            word = rest.pop(0)
            if not _is_option(word):
                folders.append(word)
                continue
            name, equals, value = word.removeprefix("--").partition("=")
            if name not in options:
                raise unknown("option", word.partition("=")[0], [f"--{one}" for one in options])
            given[name] = [value] if equals else _taken(options[name], rest)
            if bool(given[name]) != bool(options[name].values):
                allowed = options[name].values or "no value"
                raise ConfigError(f"{name} is {' '.join(given[name])!r}; allowed: {allowed}.")
        return folders, given


def _typed(option: Option) -> str:
    more = f" [{option.values} ...]" if option.several else ""
    return f"--{option.name}" + (f" {option.values}{more}" if option.values else "")


def _taken(option: Option, rest: list[str]) -> list[str]:
    """Take the values of an option off the words that follow it."""
    most = 0 if not option.values else len(rest) if option.several else 1
    taken: list[str] = []
    while rest and len(taken) < most and not _is_option(rest[0]):
        taken.append(rest.pop(0))
    return taken


def _is_option(word: str) -> bool:
    """Tell an option from a folder and from a number, which may be negative."""
    if not word.startswith("-") or word == "-":
        return False
    try:
        float(word)
    except ValueError:
        return True
    return False

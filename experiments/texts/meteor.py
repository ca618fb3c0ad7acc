"""METEOR 1.5, which is a Java program that comes with the optional package ``pycocoevalcap``."""

import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path
from subprocess import PIPE, Popen
from tempfile import TemporaryFile
from typing import IO

from adalora.errors import DataError

from ..metrics import Scores
from .metric import Metric, References, require_package

_BAR = "|||"  # stands between the texts of a line

NO_JAVA = (
    "METEOR is left out: it needs Java, and there is no 'java' on the PATH; install a runtime, such as "
    "'apt install default-jre-headless'. All other metrics are measured."
)


def meteor(predictions: Sequence[str], references: References) -> Scores:
    """Return METEOR of the whole, in [0, 1], for English; nothing where there is no Java.

    Words match where they are equal, have one stem, one meaning in WordNet, or are in the program's table of
    paraphrases; the best reference of each row counts. The program cuts the texts into words itself
    (``-norm``).

    Source: Denkowski and Lavie 2014, "Meteor Universal: Language Specific Translation Evaluation for Any
    Target Language".

    Raises:
        DataError: ``pycocoevalcap`` is not installed, or the program has failed.
    """
    java = shutil.which("java")
    if java is None:  # told once, by `require_meteor`
        return {}
    command = [java, "-Dfile.encoding=UTF-8", "-Xmx2G", "-jar", str(_jar())]
    command += ["-", "-", "-stdio", "-l", "en", "-norm"]
    with (
        TemporaryFile("w+", encoding="utf-8", errors="replace") as errors,
        Popen(command, stdin=PIPE, stdout=PIPE, stderr=errors, text=True, encoding="utf-8") as program,  # noqa: S603
    ):
        pairs = zip(predictions, references, strict=True)
        counts = [_ask(program, errors, _line("SCORE", *texts, text)) for text, texts in pairs]
        first = _ask(program, errors, f" {_BAR} ".join(["EVAL", *counts]))
        # A number for each row comes before that of the whole.
        last = [first, *(_read(program, errors) for _ in counts)][-1]
    return {"meteor": float(last)}


def _line(*parts: str) -> str:
    return f" {_BAR} ".join(" ".join(part.replace(_BAR, " ").split()) for part in parts)


def _ask(program: Popen[str], errors: IO[str], line: str) -> str:
    if program.stdin:
        try:
            program.stdin.write(line + "\n")
            program.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended, and reading says why
    return _read(program, errors)


def _read(program: Popen[str], errors: IO[str]) -> str:
    answer = program.stdout.readline().strip() if program.stdout else ""
    if not answer:
        program.kill()
        program.wait()
        errors.seek(0)
        raise DataError(f"METEOR has failed: {errors.read().strip()[-500:] or 'without a word'}. Mend Java.")
    return answer


def _jar() -> Path:
    module = require_package("pycocoevalcap.meteor.meteor", "pycocoevalcap", "METEOR")
    return Path(str(module.__file__)).parent / str(module.METEOR_JAR)


def require_meteor() -> None:
    """Ask for the package, and warn where there is no Java; before a training that could not be measured.

    Raises:
        DataError: ``pycocoevalcap`` is not installed.
    """
    _jar()
    if shutil.which("java") is None:
        warnings.warn(NO_JAVA, UserWarning, stacklevel=2)


METEOR = Metric("meteor", meteor, require_meteor)

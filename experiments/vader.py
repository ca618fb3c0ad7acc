"""The rated movie snippets of VADER, taken out of the source distribution that carries them.

``python -m experiments.vader`` writes the one text file that is wanted. It lies in an archive inside of an
archive; nothing of either is unpacked to a place that the archive names.
"""

import io
import sys
import tarfile
from pathlib import Path
from typing import IO

from adalora.errors import DataError

from . import packages

_INNER = "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz"
_TEXT = "hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt"
_LARGEST = 50_000_000  # bytes; the real files have 2.3 and 1.4 million


def write(place: Path) -> Path:
    """Write the file of snippets to ``place``, whole or not at all.

    Raises:
        DataError: the source distribution is not there (the message holds the command that fetches it), or
            does not hold the file.
    """
    source = packages.find(packages.VADER_PACKED)
    with source.open("rb") as packed:
        text = _member(io.BytesIO(_member(packed, _INNER, source)), _TEXT, source)
    place.parent.mkdir(parents=True, exist_ok=True)
    beside = place.with_name(f".{place.name}.unfinished")
    beside.write_bytes(text)
    beside.replace(place)
    return place


def _member(archive: IO[bytes], name: str, source: Path) -> bytes:
    """Return the bytes of one plain file in an archive."""
    try:
        with tarfile.open(fileobj=archive, mode="r:gz") as tar:
            found = tar.getmember(name)
            file = tar.extractfile(found) if found.isfile() and found.size <= _LARGEST else None
            if file is not None:
                return file.read()
            why = f"{name} is no plain file of at most {_LARGEST:,} bytes"
    except (KeyError, tarfile.TarError, OSError, EOFError) as error:
        why = str(error)
    raise DataError(
        f"{source} is not the source distribution that is wanted: {why}. Delete it, and fetch it again with: "
        f"{packages.VADER.install}"
    )


if __name__ == "__main__":
    sys.stdout.write(f"{write(packages.OWN_ROOT / packages.VADER.inside)}\n")

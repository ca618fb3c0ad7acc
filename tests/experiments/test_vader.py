"""One file out of an archive in an archive."""

import io
import tarfile

import pytest

from adalora import DataError
from experiments import packages, vader

INNER, TEXT = vader._INNER, vader._TEXT


def packed(members):
    """Return an archive of names with bytes, or with the target of a link."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                tar.addfile(info)
            else:
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


@pytest.fixture
def root(tmp_path, monkeypatch):
    folder = tmp_path / "root"
    folder.mkdir()
    monkeypatch.setattr(packages, "roots", lambda: [folder])
    return folder


def put(root, content):
    (root / packages.VADER_PACKED.inside).write_bytes(content)


def test_one_file_is_written_and_nothing_else(root, tmp_path):
    inner = packed({"../escaped.txt": b"no", TEXT: b"1\t2.0\tfine", "/tmp/absolute.txt": b"no"})  # noqa: S108
    put(root, packed({"../../escaped.txt": b"no", INNER: inner}))
    place = vader.write(root / packages.VADER.inside)
    assert place.read_bytes() == b"1\t2.0\tfine"
    assert packages.find(packages.VADER) == place
    names = sorted(path.name for path in tmp_path.rglob("*") if path.is_file())
    assert names == ["movies.txt", packages.VADER_PACKED.inside]


@pytest.mark.parametrize(
    "content",
    [
        b"no archive",
        packed({INNER: packed({TEXT: b"whole"})})[:100],
        packed({"other": b""}),
        packed({INNER: b"no archive"}),
        packed({INNER: packed({"other": b""})}),
        packed({INNER: packed({TEXT: "/etc/passwd"})}),
        packed({INNER: "/etc/passwd"}),
    ],
    ids=["text", "half", "other file", "text inside", "other file inside", "link inside", "link"],
)
def test_what_is_not_the_archive_leaves_nothing(root, content):
    put(root, content)
    with pytest.raises(DataError, match=r"is not the source distribution .* python -m experiments\.vader$"):
        vader.write(root / packages.VADER.inside)
    assert [path.name for path in root.iterdir()] == [packages.VADER_PACKED.inside]


def test_a_file_of_any_size_is_not_read(root, monkeypatch):
    monkeypatch.setattr(vader, "_LARGEST", 10)
    put(root, packed({INNER: b"x" * 11}))
    with pytest.raises(DataError, match="no plain file of at most 10 bytes"):
        vader.write(root / packages.VADER.inside)


def test_a_missing_package_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(packages, "roots", list)
    with pytest.raises(DataError, match=r"pip download --no-deps .* vaderSentiment==3\.3\.2$"):
        vader.write(tmp_path / "movies.txt")

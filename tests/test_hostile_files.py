"""Damaged and hostile files: refused in our own error, at once, with the model as it was and nothing written."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import adalora
from tests import hostile
from tests.readers import READERS, load_json, try_read

FEW = {
    "max_examples": 40,
    "derandomize": True,
    "database": None,
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
}
MANY = FEW | {"max_examples": 1500}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return a folder for each reader, with files as they should be."""
    folders = {}
    for name, reader in READERS.items():
        folders[name] = tmp_path_factory.mktemp("whole") / "folder"
        folders[name].mkdir()
        reader.write(folders[name])
    return folders


def fresh(whole, name, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bent") / "folder"
    shutil.copytree(whole[name], folder)
    return folder


def read_files(folder):
    return sorted(path for path in folder.iterdir() if path.suffix in (".json", ".safetensors", ".yaml"))


@pytest.mark.parametrize("name", READERS)
def test_whole_files_are_read(name, whole):
    assert try_read(READERS[name], whole[name]) is False


def bytes_are_bent(name, whole, tmp_path_factory, limits):
    @settings(**limits)
    @given(which=st.integers(0, 9), changes=hostile.CHANGES)
    def bend(which, changes):
        folder = fresh(whole, name, tmp_path_factory)
        paths = read_files(folder)
        path = paths[which % len(paths)]
        path.write_bytes(hostile.bend(path.read_bytes(), changes))
        try_read(READERS[name], folder)
        shutil.rmtree(folder.parent)

    bend()


def json_is_bent(name, whole, tmp_path_factory, limits):
    values = {
        path.name: json.loads(path.read_text()) for path in read_files(whole[name]) if path.suffix == ".json"
    }
    bent = st.one_of([st.tuples(st.just(file), hostile.bent_json(value)) for file, value in values.items()])

    @settings(**limits)
    @given(change=bent)
    def bend(change):
        folder = fresh(whole, name, tmp_path_factory)
        (folder / change[0]).write_text(change[1])
        try_read(READERS[name], folder)
        shutil.rmtree(folder.parent)

    bend()


OF_JSON = ["adapter", "run of a controller", "peft", "analysis", "analysis of peft"]


@pytest.mark.parametrize("name", READERS)
def test_bent_bytes(name, whole, tmp_path_factory):
    bytes_are_bent(name, whole, tmp_path_factory, FEW)


@pytest.mark.parametrize("name", OF_JSON)
def test_bent_json(name, whole, tmp_path_factory):
    json_is_bent(name, whole, tmp_path_factory, FEW)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Generating overly large repr")  # of what fails, which is to be seen
@pytest.mark.parametrize("name", READERS)
def test_thousands_of_bent_files(name, whole, tmp_path_factory):
    bytes_are_bent(name, whole, tmp_path_factory, MANY)
    if name in OF_JSON:
        json_is_bent(name, whole, tmp_path_factory, MANY)


@pytest.mark.parametrize("name", ["peft", "analysis of peft"])
def test_a_setting_with_a_hundred_thousand_names_is_not_told_whole(name, whole, tmp_path_factory):
    for key in load_json(whole[name] / "adapter_config.json"):
        folder = fresh(whole, name, tmp_path_factory)
        settings = load_json(folder / "adapter_config.json") | {key: ["query"] * 100_000}
        (folder / "adapter_config.json").write_text(json.dumps(settings))
        try_read(READERS[name], folder)


@pytest.mark.parametrize("what", hostile.STRANGE)
@pytest.mark.parametrize("name", READERS)
def test_what_is_no_plain_file_is_refused(name, what, whole, tmp_path_factory):
    for number in range(len(read_files(whole[name]))):
        folder = fresh(whole, name, tmp_path_factory)
        path = read_files(folder)[number]
        unread = name in ("adapter", "analysis") and not path.name.startswith("adapter")
        hostile.in_place_of(path, what)
        assert try_read(READERS[name], folder) is not unread
        shutil.rmtree(folder.parent)


PROGRAM = """
import resource, sys
from pathlib import Path
from tests import hostile
from tests.readers import READERS, try_read
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**29, used + 2**29))
for name in ("adapter", "peft", "modules", "analysis of peft"):
    folder = Path(sys.argv[1]) / name / "folder"
    path = next(p for p in sorted(folder.iterdir()) if p.name.startswith(("adapter", "trained")) and p.suffix == ".safetensors")
    for what, data in hostile.TERABYTES.items():
        path.write_bytes(data)
        assert try_read(READERS[name], folder), (name, what)
    hostile.in_place_of(path, "sparse")
    assert try_read(READERS[name], folder), (name, "sparse")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_claims_of_terabytes_take_no_memory(whole, tmp_path):
    for name, folder in whole.items():
        shutil.copytree(folder, tmp_path / name / "folder")
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    done = subprocess.run(command, cwd=Path.cwd(), capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize(
    "pattern", ["(.|.)" * 40 + "#", r"(\w+)+#", r"((\w|\.)+)+#", "(" * 3000, "a{99999999999}", "(?<="]
)
def test_a_pattern_in_a_header_is_not_tried(pattern, whole, tmp_path_factory):
    folder = fresh(whole, "adapter", tmp_path_factory)
    header = json.loads((folder / "adapter.json").read_text())
    header["config"]["target_modules"] = pattern
    (folder / "adapter.json").write_text(json.dumps(header))
    # The names of the modules stand in the header; what cannot be a pattern is refused.
    assert try_read(READERS["adapter"], folder) is (pattern in BROKEN)


BROKEN = ("(" * 3000, "a{99999999999}")


@pytest.mark.parametrize("text", [
    "a: &a [*a]", "&a {x: *a}", "a: &a [1,1,1,1,1,1,1,1,1]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [" + ",".join([f"*{chr(97 + i)}"] * 9) + "]\n" for i in range(20)),
    "a: " + "[" * 5000, "a: 2001-99-99", "!!python/object/apply:os.system ['true']", "? [a]\n: b", "a: !!int x", "name: " + "x" * 200_000,
    "adapter: /dev/zero\nname: a", "a: 0b", "{" * 1000,
])  # fmt: skip
@pytest.mark.parametrize("name", ["settings", "sweep"])
def test_hostile_settings_are_refused(name, text, whole, tmp_path_factory):
    folder = fresh(whole, name, tmp_path_factory)
    read_files(folder)[0].write_text(text)
    assert try_read(READERS[name], folder)


@pytest.mark.parametrize("name", ["../x", "/x", "a/b", ".", "..", "", "a\0b", "a\nb", "x" * 101, ".x"])
def test_names_of_runs_and_adapters_stay_in_their_folder(name):
    from tests.experiments.tiny import build
    from tests.models import mlp

    if name != "":
        with pytest.raises(adalora.ConfigError, match="name is"):
            build({"name": name, "task": "a", "model": "b"})
    if name != "x" * 101:
        with pytest.raises(adalora.ConfigError, match="name is"):
            adalora.inject(mlp(), adalora.AdapterConfig(rank=2), name)

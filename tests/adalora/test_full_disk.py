"""A disk that fills up, and a process that dies, at every single moment of a save: the save before it loads."""

import copy
import os
import resource
from pathlib import Path

import pytest
import torch

import adalora
from adalora import AdapterConfig, files
from tests.models import bert

ADAPTER = AdapterConfig(rank=2, target_modules=["query"], train_modules=["classifier"])
FULL = OSError(28, "No space left on device")


class Dies(BaseException):
    """What no handler of ours may take for an error of the disk."""


@pytest.fixture(scope="module")
def base():
    torch.manual_seed(3)
    return bert(layers=1)


def adapted(base, value):
    model = adalora.inject(copy.deepcopy(base), ADAPTER)
    model.classifier.bias.data.fill_(value)
    return model


def loaded(base, folder):
    return adalora.load(copy.deepcopy(base), folder).classifier.bias[0].item()


def fail_at(patch, number, error):
    """Let the n-th operation on files fail: nothing is written, half is written, or it is not flushed or renamed."""
    count = 0

    def once(operation, half=None):
        def wrapped(*args, **words):
            nonlocal count
            count += 1
            if count != number:
                return operation(*args, **words)
            if half is not None:
                half(*args)
            raise error

        return wrapped

    def half_text(path, text, **_):
        with path.open("w") as file:
            file.write(text[: len(text) // 2])

    def half_tensors(tensors, path, *_):
        Path(path).write_bytes(b"\0" * 50)

    patch.setattr(Path, "write_text", once(Path.write_text, half_text))
    patch.setattr(files, "save_file", once(files.save_file, half_tensors))
    patch.setattr(os, "fsync", once(os.fsync))
    patch.setattr(Path, "replace", once(Path.replace))
    patch.setattr(Path, "mkdir", once(Path.mkdir))
    patch.setattr(Path, "unlink", once(Path.unlink))
    return lambda: count


@pytest.mark.parametrize("error", [FULL, Dies()], ids=["full", "killed"])
def test_whatever_operation_fails_a_whole_save_is_there(error, base, tmp_path):
    seen = set()
    for number in range(1, 200):
        folder = tmp_path / str(number)
        adalora.save(adapted(base, 1.0), folder)
        with pytest.MonkeyPatch.context() as patch:
            done = fail_at(patch, number, error)
            try:
                adalora.save(adapted(base, 2.0), folder)
            except (adalora.CheckpointError, Dies) as found:
                seen.add(type(found))
        assert loaded(base, folder) in (1.0, 2.0)
        adalora.save(adapted(base, 3.0), folder)  # what was left does not stand in the way
        assert loaded(base, folder) == 3.0
        if done() < number:
            break
    assert number > 15
    assert seen == {adalora.CheckpointError if error is FULL else Dies}


def in_child(work):
    """Run work in a fork; return its exit code."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(work())
        except BaseException:
            os._exit(70)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("limit", [0, 1, 100, 1000, 4000, 10_000])
def test_a_limit_on_the_size_of_files_is_a_full_disk(limit, base, tmp_path):
    adalora.save(adapted(base, 1.0), tmp_path)
    model = adapted(base, 2.0)

    def work():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        try:
            adalora.save(model, tmp_path)
        except adalora.CheckpointError as error:
            return 3 if "could not write" in str(error) or "model card is not" in str(error) else 4
        return 0

    assert in_child(work) in (0, 3)
    assert loaded(base, tmp_path) in (1.0, 2.0)

"""``python -m tests.fuzz [SECONDS]``: every target for so many seconds, each in a process of its own."""

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.readers import READERS

SECONDS = 60


def main():
    """Run one target in this process, or all of them, one after the other; return 1 where one has failed."""
    if sys.argv[1:2] == ["--target"]:
        return _run(sys.argv[2], sys.argv[3:])
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    failed = []
    for name in READERS:
        print(f"{name}, {seconds} s", flush=True)
        command = [
            sys.executable,
            "-m",
            "tests.fuzz",
            "--target",
            name,
            f"-max_total_time={seconds}",
            "-timeout=10",
        ]
        command += ["-rss_limit_mb=4096", "-verbosity=0", "-max_len=65536", "-artifact_prefix=build/fuzz-"]
        if subprocess.run(command, check=False).returncode:  # noqa: S603
            failed.append(name)
    print(f"failed: {', '.join(failed) or 'none'}; what led there lies in build/fuzz-*")
    return int(bool(failed))


def _run(name, words):
    import atheris

    from tests.fuzz.targets import Target

    Path("build").mkdir(exist_ok=True)
    # Our own readers alone: to count the branches of torch would take longer than the fuzzing.
    import adalora.checkpoint
    import adalora.files
    import adalora.foreign
    import adalora.header
    import adalora.interchange.folder
    import adalora.interchange.unblock
    import adalora.naming
    import experiments.mappings

    watched = (
        adalora.foreign.parse_json, adalora.header.read_header, adalora.header._files, adalora.header._shape,
        adalora.files.read_json, adalora.files.tensor_shapes, adalora.interchange.folder.contents,
        adalora.interchange.folder.scale_of, adalora.interchange.folder.require_understood,
        adalora.interchange.unblock._layer, adalora.naming.matching, adalora.naming._ways.__wrapped__,
        experiments.mappings._require_small, experiments.mappings.flatten,
    )  # fmt: skip
    for function in watched:
        atheris.instrument_func(function)
    target = Target(name)
    with tempfile.TemporaryDirectory() as corpus:
        for number, data in enumerate(target.corpus()):
            (Path(corpus) / str(number)).write_bytes(data)
        atheris.Setup([sys.argv[0], corpus, *words], target)
        atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())

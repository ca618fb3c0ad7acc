"""Targets of the fuzzer, one for each reader: bytes in, and nothing out but an error of our own.

The first byte chooses a file of the folder; the rest takes its place. ``python -m tests.fuzz TARGET`` feeds
them by atheris, which looks at what the code does with them.
"""

import shutil
import tempfile
from pathlib import Path

from tests.readers import READERS, try_read


class Target:
    """A reader, and a folder of whole files, of which one is replaced at a time.

    Args:
        name: of the reader, from `READERS`.
    """

    def __init__(self, name):
        self.reader = READERS[name]
        self.top = Path(tempfile.mkdtemp(prefix="adalora-fuzz-"))
        self.folder = self.top / "folder"
        self.folder.mkdir()
        self.reader.write(self.folder)
        self.whole = {
            path: path.read_bytes()
            for path in sorted(self.folder.iterdir())
            if path.suffix in (".json", ".safetensors", ".yaml")
        }

    def corpus(self):
        """Return the whole files as inputs."""
        return [bytes([number]) + data for number, data in enumerate(self.whole.values())]

    def __call__(self, data):
        """Read the folder with one file replaced; raise unless that goes well or is refused as promised."""
        if not data:
            return
        path = list(self.whole)[data[0] % len(self.whole)]
        path.write_bytes(data[1:])
        try:
            try_read(self.reader, self.folder)
        finally:
            path.write_bytes(self.whole[path])

    def close(self):
        """Remove the folder."""
        shutil.rmtree(self.top)

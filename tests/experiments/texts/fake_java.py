"""A stand-in for METEOR in the form of a program called ``java``: words shared with a reference, at once."""

import stat
import sys

PROGRAM = """#!{python}
import sys

for line in sys.stdin:
    command, *parts = [part.strip() for part in line.split("|||")]
    if command == "SCORE":
        *references, text = [set(part.split()) for part in parts]
        print(max(len(one & text) / max(len(one | text), 1) for one in references), flush=True)
    else:
        print(*parts, sum(map(float, parts)) / len(parts), sep="\\n", flush=True)
"""

BROKEN = """#!{python}
import sys

sys.exit("no room for a heap")
"""


def put(folder, monkeypatch, program=PROGRAM):
    """Write the program, and make it the only one on the path."""
    folder.mkdir(exist_ok=True)
    file = folder / "java"
    file.write_text(program.format(python=sys.executable))
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder))

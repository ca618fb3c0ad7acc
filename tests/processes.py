"""Starting several processes on one machine, as `torchrun` does."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
_TORCHRUN = "torch.distributed.run"
_LONGEST = 900  # seconds, on a busy machine


def launch(script, processes, folder, runs, launcher=()):
    """Let a script work off ``runs`` on each process; return what each has found, by rank.

    The script is called with a folder, from which it reads ``runs.json`` and to which it writes ``RANK.json``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "runs.json").write_text(json.dumps(runs))
    torchrun = (
        f"-m {_TORCHRUN} --nproc-per-node {processes} --rdzv-backend c10d --rdzv-endpoint 127.0.0.1:0 "
        f"--local-addr 127.0.0.1 --log-dir {folder / 'log'} --tee 3"
    ).split()
    command = [sys.executable, *(launcher or torchrun), str(script), str(folder)]
    env = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    log = folder / "output.txt"
    with log.open("w") as output:
        agent = subprocess.Popen(command, cwd=ROOT, env=env, stdout=output, stderr=output)  # noqa: S603
        try:
            code = agent.wait(timeout=_LONGEST)
        finally:
            agent.terminate()  # it ends its workers, which would wait for one another
            agent.wait()
    assert code == 0, log.read_text()[-8000:]
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(processes)]

"""The address of a Ray cluster: its form, and whether Ray is there."""

import re
import socket
import subprocess
import sys

from adalora.errors import ConfigError

AUTO = "auto"
ADDRESS = f"HOST:PORT of a Ray cluster, or {AUTO} for the one that this machine belongs to"
PATIENCE = 20  # seconds; importing Ray and joining takes two
_JOIN = """
import sys, ray
try:
    ray.init(address=sys.argv[1], log_to_driver=False, logging_level="critical")
except BaseException as error:
    print(f"{type(error).__name__}: {error}", flush=True)
    sys.exit(1)
"""
_HINT = (
    "Is it the address that 'ray start --head' has told, and does this machine belong to the cluster "
    "('ray start --address=HOST:PORT')? Without --address the sweep starts a cluster of its own."
)


def require_address(address: str) -> None:
    """Check the form of an address.

    Raises:
        ConfigError: it is none.
    """
    found = re.fullmatch(r"[^\s:/]+:(\d{1,5})", address)
    if address != AUTO and not (found and 0 < int(found[1]) < 2**16):
        raise ConfigError(f"address is {address!r}; allowed: {ADDRESS}.")


def require_ray(address: str) -> None:
    """Check within seconds that Ray is at an address and lets this machine join.

    Ray's own try takes minutes and may end the process that makes it, so another one makes it here.

    Raises:
        ConfigError: nothing answers there, or not as Ray does.
    """
    if address != AUTO:
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=PATIENCE / 4).close()
        except (OSError, UnicodeError) as error:
            raise ConfigError(f"address is {address!r}, where nothing answers: {error}. {_HINT}") from error
    try:
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-P", "-c", _JOIN, address],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ConfigError(
            f"address is {address!r}, where nothing has answered as Ray does within {PATIENCE} seconds. "
            f"{_HINT}"
        ) from error
    if done.returncode:
        raise ConfigError(f"address is {address!r}, and Ray cannot join: {in_a_line(done.stdout)} {_HINT}")


def in_a_line(what: object) -> str:
    """Return what Ray says, which are often paragraphs, on one line."""
    return " ".join(str(what).split())

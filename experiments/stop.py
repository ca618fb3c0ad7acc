"""SIGTERM, as a cluster sends it before it kills: one more checkpoint, and the end."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

CODE = 128 + signal.SIGTERM  # of a process that has ended by this signal, as shells count


class Terminated(BaseException):
    """The process was asked to end; the message says how the run goes on. No error, so none handles it."""


class Listener:
    """Remembers that SIGTERM has come while a model trains; at any other time it ends the process at once.

    Attributes:
        asked: whether it has come.
        training: whether a training would notice.
    """

    def __init__(self) -> None:
        self.asked = self.training = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Take the signal; the second one is not waited with."""
        if self.asked or not self.training:
            raise Terminated("ended by SIGTERM, without a checkpoint of this moment.")
        self.asked = True


@contextmanager
def listening() -> Iterator[Listener]:
    """Listen for SIGTERM inside the block; outside the main thread of a process nobody can."""
    listener = Listener()
    if threading.current_thread() is not threading.main_thread():
        yield listener
        return
    before = signal.signal(signal.SIGTERM, listener)
    try:
        yield listener
    finally:
        signal.signal(signal.SIGTERM, before)

"""A process that trains as `adalora train` does, again and again, in children that may be killed.

Everything is imported once; each child is a fork, so that fifty trainings start in the time of one. The parent
has one thread: it never runs a tensor operation. Lines on standard input are the words of a command; answers
are the process number, and when that has ended its exit code (a negative one names the signal).
"""

import os
import sys
import threading


def main():
    from experiments.cli import main as command

    print("ready", threading.active_count(), flush=True)
    for line in sys.stdin:
        words = line.split()
        child = os.fork()
        if child == 0:
            try:
                code = command(words)
            except BaseException:
                import traceback

                traceback.print_exc()
                code = 70
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
        print("child", child, flush=True)
        _, status = os.waitpid(child, 0)
        print("ended", os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()

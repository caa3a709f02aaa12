"""Becomes a command that dies with its parent: `python -I -S leash.py PARENT ALONE COMMAND...`.

A program of its own, and not a `preexec_fn`: forking a process that has threads may hang.
"""

import ctypes
import os
import signal
import sys

SET_PARENT_DEATH_SIGNAL = 1
NEW_USER_NAMESPACE = 0x10000000


def main(parent: int, own_namespace: bool, command: list[str]) -> None:
    """Exec the command; Linux kills it with the thread that started it, elsewhere nothing does."""
    if sys.platform == "linux":
        kernel = ctypes.CDLL(None, use_errno=True)
        if own_namespace and kernel.unshare(NEW_USER_NAMESPACE) != 0:
            reason = os.strerror(ctypes.get_errno())
            sys.exit(f"leash: no user namespace: {reason}")
        kernel.prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
        if os.getppid() != parent:  # it died before we could ask for the signal
            sys.exit("leash: the parent is gone")
    try:
        os.execvp(command[0], command)  # noqa: S606  replacing this process is the whole purpose
    except OSError as error:
        sys.exit(f"leash: {command[0]}: {error.strerror}")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2] == "own-namespace", sys.argv[3:])

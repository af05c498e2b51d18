"""The fork server: a process that has torch imported, and forks workers on request.

Started by ``launcher.ForkLauncher`` with the number of a control socket. It reads one line and one
file descriptor per worker wanted, and answers in JSON lines: ``warm`` once the imports are done,
``broken`` when they fail, ``forked`` and ``exited`` for each worker. It never makes a CUDA context
(such a context does not survive a fork) and dies with its parent, its workers with it.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import socket
import sys
import traceback

from vatt_engine.process import (
    die_with_parent,
    import_all,
    prepare_environment,
    yield_to_the_panel,
)
from vatt_engine.worker import serve_socket


def main() -> None:
    """Run the fork server on the control socket named by the first argument."""
    die_with_parent(os.getppid())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    control = socket.socket(fileno=int(sys.argv[1]))
    control.set_inheritable(False)
    yield_to_the_panel()
    prepare_environment()
    failure = import_all()
    if failure is not None:
        _tell(control, broken=failure[0], hint=failure[1])
        return
    gc.collect()
    gc.freeze()  # keeps the collector of a worker from copying every shared page
    _tell(control, warm=True)
    _serve(control)


def _tell(control: socket.socket, **report: object) -> None:
    control.sendall(json.dumps(report).encode() + b"\n")


def _serve(control: socket.socket) -> None:
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while True:
        ready, _, _ = select.select([control.fileno(), woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            _reap(control)
        if control.fileno() in ready:
            data, fds, _, _ = socket.recv_fds(control, 64, 4)
            if not data:
                return
            # One message a send on a stream may be joined with the next; numbers and descriptors
            # still come in the same order.
            for number, fd in zip(data.split(), fds, strict=False):
                pid = _fork_worker(control, fd, (woken, wake))
                os.close(fd)
                _tell(control, forked=int(number), pid=pid)


def _reap(control: socket.socket) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        _tell(control, exited=pid, status=os.waitstatus_to_exitcode(status))


def _fork_worker(control: socket.socket, fd: int, pipe: tuple[int, int]) -> int:
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        die_with_parent(parent)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        control.close()
        for end in pipe:
            os.close(end)
        code = serve_socket(socket.socket(fileno=fd))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)  # never return into the parent's loop, whatever happened


if __name__ == "__main__":
    main()

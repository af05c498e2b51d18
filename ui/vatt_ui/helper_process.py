"""The panel's end of the helper process: ask, get a reply, never wait."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PyQt6.QtCore import QObject, QProcess, QTimer, pyqtSignal

from vatt_engine.errors import EngineLost, VattError, error_from_dict
from vatt_ui.language import _

logger = logging.getLogger(__name__)

TURN_S = 0.004

OnReply = Callable[[dict[str, Any]], None]
OnError = Callable[[VattError], None]


@dataclass
class _Asked:
    line: bytes
    on_reply: OnReply | None
    on_part: OnReply | None
    on_error: OnError | None


class HelperProcess(QObject):
    """One helper. It is started with the first question and again after a death.

    Signals:
        died(str): it ended without being asked to; open questions were answered with an error.
    """

    died = pyqtSignal(str)

    def __init__(self, command: Sequence[str] | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._command = list(command or [sys.executable, "-m", "vatt_ui.helper"])
        self._process: QProcess | None = None
        self._number = 0
        self._asked: dict[int, _Asked] = {}
        self._stopping = False
        self._rest = QTimer(self)  # goes on with replies that did not fit into one turn
        self._rest.setSingleShot(True)
        self._rest.timeout.connect(self._on_output)

    def ask(
        self,
        op: str,
        params: Mapping[str, Any],
        on_reply: OnReply | None = None,
        *,
        on_part: OnReply | None = None,
        on_error: OnError | None = None,
    ) -> int:
        """Send a request; exactly one of ``on_reply`` and ``on_error`` is called later."""
        self._number += 1
        body = json.dumps({"id": self._number, "op": op, **params}, ensure_ascii=False)
        line = body.encode() + b"\n"
        self._asked[self._number] = _Asked(line, on_reply, on_part, on_error)
        if self._process is None:
            self._start()
        assert self._process is not None
        self._process.write(line)
        return self._number

    def forget(self, number: int) -> None:
        """Do not call back for a request any more; its work may still be done."""
        self._asked.pop(number, None)

    @property
    def busy(self) -> bool:
        """Whether an answer is awaited."""
        return bool(self._asked)

    def replace(self) -> None:
        """Give up what it is doing (a long reading); open questions go to a fresh process."""
        process, self._process = self._process, None
        if process is None:
            return
        for signal in (
            process.readyReadStandardOutput,
            process.readyReadStandardError,
            process.errorOccurred,
            process.finished,
        ):
            signal.disconnect()
        process.finished.connect(process.deleteLater)
        process.kill()
        if self._asked:
            self._start()
            assert self._process is not None
            self._process.write(b"".join(asked.line for asked in self._asked.values()))

    def stop(self) -> None:
        """End it for good, without waiting."""
        self._stopping = True
        self._asked.clear()
        if self._process is not None:
            self._process.closeWriteChannel()
            self._process.kill()

    def wait_stopped(self, milliseconds: int = 2000) -> None:
        """After ``stop``, at the very end of the program: let the process be gone."""
        if self._process is not None:
            self._process.waitForFinished(milliseconds)

    def _start(self) -> None:
        process = QProcess(self)
        process.setProgram(self._command[0])
        process.setArguments(self._command[1:])
        process.readyReadStandardOutput.connect(self._on_output)
        process.readyReadStandardError.connect(self._on_log)
        process.errorOccurred.connect(self._on_error)
        process.finished.connect(self._on_finished)
        self._process = process
        process.start()

    def _on_output(self) -> None:
        """Deliver replies for a few milliseconds; the panel has its turn before the others."""
        process = self._process
        until = time.perf_counter() + TURN_S
        while process is not None and process.canReadLine():
            if time.perf_counter() > until:
                self._rest.start()
                return
            self._deliver_line(process.readLine().data())

    def _deliver_line(self, line: bytes) -> None:
        try:
            message = json.loads(line)
            number = int(message["id"])
        except (ValueError, KeyError, TypeError):
            return
        self._deliver(number, message)

    def _deliver(self, number: int, message: Mapping[str, Any]) -> None:
        if "part" in message:
            asked = self._asked.get(number)
            if asked is not None and asked.on_part is not None:
                asked.on_part(message["part"])
            return
        asked = self._asked.pop(number, None)
        if asked is None:
            return
        if "error" in message:
            if asked.on_error is not None:
                asked.on_error(error_from_dict(message["error"]))
        elif asked.on_reply is not None:
            asked.on_reply(message.get("ok") or {})

    def _on_log(self) -> None:
        if self._process is not None:
            text = self._process.readAllStandardError().data().decode(errors="replace")
            logger.debug("helper: %s", text.rstrip())

    def _on_error(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self._ended(_("it could not be started"))

    def _on_finished(self, code: int, status: QProcess.ExitStatus) -> None:
        while self._process is not None and self._process.canReadLine():
            self._deliver_line(self._process.readLine().data())
        crashed = status == QProcess.ExitStatus.CrashExit
        self._ended(
            _("signal {n}").format(n=code) if crashed else _("exit status {n}").format(n=code)
        )

    def _ended(self, reason: str) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.deleteLater()
        asked, self._asked = self._asked, {}
        if self._stopping:
            return
        error = EngineLost(
            _("The helper that reads media ended ({why}).").format(why=reason),
            _("The panel goes on; the file it was reading may be damaged."),
        )
        for question in asked.values():
            if question.on_error is not None:
                question.on_error(error)
        self.died.emit(reason)

"""The real program on a pseudo-terminal, its screen read like a person reads it, every byte counted."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pyte

KEYS = {"Enter": "\r", "Tab": "\t", "Esc": "\x1b", "Space": " ", "Up": "\x1b[A", "Down": "\x1b[B", "Right": "\x1b[C",
        "Left": "\x1b[D", "PgDn": "\x1b[6~", "PgUp": "\x1b[5~", "Home": "\x1b[H", "End": "\x1b[F", "BackTab": "\x1b[Z",
        "F1": "\x1bOP", "F2": "\x1bOQ", "F3": "\x1bOR", "Backspace": "\x7f"} | {f"Ctrl-{c}": chr(ord(c) & 31) for c in "ABCDEFGHKLNPQUWXY"}
REPEAT = re.compile(rb"([\x20-\x7e])\x1b\[(\d+)b")


class Terminal(pyte.Screen):
    """pyte knows no SU and SD; xterm and curses do."""

    def scroll_up(self, n=1, **_):
        self.scroll(n or 1, self.margins.bottom if self.margins else self.lines - 1, self.index)

    def scroll_down(self, n=1, **_):
        self.scroll(n or 1, self.margins.top if self.margins else 0, self.reverse_index)

    def scroll(self, n, edge, step):
        row, self.cursor.y = self.cursor.y, edge
        for _ in range(n):
            step()
        self.cursor.y = row


class Stream(pyte.ByteStream):
    csi = {**pyte.ByteStream.csi, "S": "scroll_up", "T": "scroll_down"}
    events = pyte.ByteStream.events | {"scroll_up", "scroll_down"}


class Screen:
    """with Screen(clinic, 80, 24) as s: s.keys("doctor", "Enter"); s.wait("Home"); assert "x" in s.text"""

    def __init__(self, clinic, binary, cols=80, rows=24, term="xterm", env=None, args=(), cwd=None):
        self.cols, self.rows, self.bytes, self.sent = cols, rows, 0, 0
        self.master, slave = pty.openpty()
        self.modes = termios.tcgetattr(slave)
        self.size(rows, cols, slave)
        self.raw = b""
        self.terminal = Terminal(cols, rows)
        self.stream = Stream(self.terminal)
        def own_terminal():
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        self.process = subprocess.Popen([str(binary), *args], stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
                                        preexec_fn=own_terminal, cwd=cwd or clinic.home,
                                        env=clinic.env | {"TERM": term} | (env or {}))
        self.slave = slave

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)

    def size(self, rows, cols, fd=None):
        fcntl.ioctl(self.master if fd is None else fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def resize(self, rows, cols):
        self.rows, self.cols = rows, cols
        self.terminal.resize(rows, cols)
        self.size(rows, cols)

    def take(self, timeout):
        """Reads what is there; False when nothing came in time."""
        if not select.select([self.master], [], [], timeout)[0]:
            return False
        try:
            data = os.read(self.master, 65536)
        except OSError:
            return False
        if not data:
            return False
        self.bytes += len(data)
        self.raw += data
        self.stream.feed(REPEAT.sub(lambda m: m.group(1) * (int(m.group(2)) + 1), data))
        return True

    def settle(self, quiet=0.15, limit=10.0):
        """Until nothing more comes for a moment; returns the bytes of it."""
        before, end = self.bytes, time.monotonic() + limit
        while time.monotonic() < end and self.take(quiet):
            pass
        return self.bytes - before

    def wait(self, what, limit=20.0):
        """Until the text (or what the function wants of self) is on the screen."""
        end = time.monotonic() + limit
        while True:
            if what(self) if callable(what) else what in self.text:
                return self
            if time.monotonic() > end or (self.process.poll() is not None and not self.take(0.2)):
                raise AssertionError(f"{what!r} did not come up (status {self.process.poll()}); the screen is\n{self.text}")
            self.take(0.05)

    def gone(self, what, limit=20.0):
        return self.wait(lambda s: what not in s.text, limit)

    def type(self, data):
        data = data.encode() if isinstance(data, str) else data
        while data:
            n = os.write(self.master, data[:1024])
            data = data[n:]
            self.take(0)

    def keys(self, *names):
        """Names of KEYS, or text typed as it stands. Each name is one key press, each letter of text another."""
        for name in names:
            self.sent += 1 if name in KEYS else len(name)
            self.type(KEYS.get(name, name))
            self.settle(0.04)
        return self

    def paste(self, text):
        self.sent += 1
        self.type("\x1b[200~" + text + "\x1b[201~")
        self.settle(0.05)
        return self

    @property
    def lines(self):
        return [line.rstrip() for line in self.terminal.display]

    @property
    def text(self):
        return "\n".join(self.lines)

    @property
    def cursor(self):
        return self.terminal.cursor.y, self.terminal.cursor.x

    def end(self, limit=10.0):
        """Waits for the end of the program; its exit status."""
        end = time.monotonic() + limit
        while self.process.poll() is None and time.monotonic() < end:
            self.take(0.05)
        while self.take(0.05):
            pass
        return self.process.poll()

    def restored(self):
        """The terminal's modes are what they were."""
        return termios.tcgetattr(self.slave) == self.modes

    def sign_in(self, user, password=None):
        self.wait("Sign in")
        self.keys(user, "Enter", password or f"demo-{user}", "Enter")
        self.wait(lambda s: "Home" in s.text)
        self.settle()
        if "Before you start" in self.text:
            self.keys("y").gone("Before you start")
            self.settle()
        return self

"""E-mail over the lines that clinics have: slow ones, and ones that die without a word. Nothing is lost, nothing is sent
twice, and the program gives up in time."""
import subprocess
import sys
import time

import pytest

from conftest import TREE
from demo_station import demo, demo_home  # noqa: F401 (fixtures)
from test_mail import ids, outbox, papers, sinks  # noqa: F401 (fixtures)

LINE = TREE / "tests" / "faults" / "slow_line.py"


@pytest.fixture
def line(tmp_path):
    """line(port, delay_ms, bytes_per_s, cut_after) -> the port to use instead; all end with the test."""
    made = []

    def start(port, delay_ms, bytes_per_s, cut_after=None):
        file = tmp_path / f"line{len(made)}"
        cut = [] if cut_after is None else ["--cut-after-bytes", str(cut_after)]
        made.append(subprocess.Popen([sys.executable, LINE, file, str(port), str(delay_ms), str(bytes_per_s), *cut]))
        until = time.monotonic() + 10
        while not file.exists() and time.monotonic() < until:
            time.sleep(0.02)
        return file.read_text()

    yield start
    for process in made:
        process.kill()
        process.wait()


def test_a_slow_line_takes_its_time(outbox, line):  # noqa: F811
    """A satellite: 300 ms each way, 24 KB/s. The report goes out once, whole; the station waits."""
    box, sink = outbox()
    box.env |= {"CLINIC_SMTP_PORT": line(sink.port, 300, 24_000), "CLINIC_SMTP_TIMEOUT_S": "30"}
    box.send(1, "--pdf", "--picture")
    started = time.monotonic()
    counts = box.flush()
    assert counts["sent"] == 1 and box.state() == "sent"
    took_s = time.monotonic() - started
    (raw,) = sink.raw()
    assert took_s > len(raw) / 24_000, "the line was not slow"
    (message,) = sink.stored
    assert not message.defects
    kinds = [part.get_content_type() for part in message.iter_attachments()]
    assert "application/pdf" in kinds and len(kinds) == 2
    assert box.flush()["sent"] == 0 and len(sink.seen) == 1


def test_others_work_while_a_mail_crawls(outbox, line):  # noqa: F811
    """No lock on the records is held across the line."""
    box, sink = outbox()
    box.env |= {"CLINIC_SMTP_PORT": line(sink.port, 200, 12_000), "CLINIC_SMTP_TIMEOUT_S": "30"}
    box.send(1, "--pdf", "--picture")
    sending = box.start("mail", "flush")
    until = time.monotonic() + 10
    while box.state() != "in_flight" and time.monotonic() < until:
        time.sleep(0.05)
    for name in ("Nakku Amina", "Okot David"):
        box("patients", "add", name, "--sex", "F", "--birth-year", "2001", expect=0, timeout=5)
        assert sending.poll() is None, "the mail was through before anything could be tried beside it"
    assert box.flush()["sent"] == 0  # a second sender leaves the one in flight alone
    assert sending.wait(60) == 0
    assert box.state() == "sent" and len(sink.stored) == len(sink.seen) == 1


# bytes to the server before the line dies: in the TLS handshake, after the sign-in, in the middle of the message
@pytest.mark.parametrize("cut_after, states", [(100, {"retry"}), (1500, {"retry", "unknown"}), (30_000, {"retry", "unknown"})])
def test_a_line_that_dies_without_a_word(outbox, line, cut_after, states):  # noqa: F811
    box, sink = outbox()
    straight = box.env["CLINIC_SMTP_PORT"]
    box.env["CLINIC_SMTP_PORT"] = line(sink.port, 20, 200_000, cut_after)
    box.send(1, "--pdf", "--picture")
    started = time.monotonic()
    box.flush()
    assert time.monotonic() - started < 20
    state = box.state()
    assert state in states and not sink.stored
    assert box.mails()[1]["error"]
    # The line is good again: what surely did not arrive goes by itself, what may have arrived when a person says so.
    box.env["CLINIC_SMTP_PORT"] = straight
    box.later(120)
    if state == "unknown":
        assert box.flush()["sent"] == 0
        box("mail", "retry", 1, expect=0)
    assert box.flush()["sent"] == 1
    assert len(sink.stored) == 1 and all(n == 1 for n in ids(sink.raw()).values())

"""E-mail against a real mail server process that misbehaves on demand: every message ends sent, dead or unknown; none is
lost, none goes out twice."""
import collections
import datetime
import email
import email.policy
import ipaddress
import json
import pathlib
import random
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from conftest import BINARY, TREE
from demo_station import demo, demo_home  # noqa: F401 (fixtures)

ADDRESS = "dr.mutesi@district.example"
SINK = TREE / "tests" / "faults" / "sink.py"


# --- certificates ---

def key_file(folder, name, key):
    path = folder / name
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                       serialization.NoEncryption()))
    return path


def certificate(subject, key, issuer, issuer_key, names=(), ca=False):
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
               .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=2))
               .not_valid_after(now + datetime.timedelta(days=60))
               .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


@pytest.fixture(scope="session")
def papers(tmp_path_factory):
    """A CA, a good certificate for this machine, one for another name."""
    folder = tmp_path_factory.mktemp("papers")
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test CA")])
    ca = certificate(ca_name, ca_key, ca_name, ca_key, ca=True)
    (folder / "ca.pem").write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    for word, names in (("good", [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
                        ("other", [x509.DNSName("mail.elsewhere.example")])):
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, word)])
        key_file(folder, f"{word}.key", key)
        made = certificate(name, key, ca_name, ca_key, names)
        (folder / f"{word}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return folder


# --- the server ---

class Sink:
    def __init__(self, folder, *args):
        self.folder, self.fault_file = folder, folder / "fault"
        port_file = folder / "port"
        port_file.unlink(missing_ok=True)
        self.set("ok")
        self.process = subprocess.Popen([sys.executable, str(SINK), port_file, folder / "mail", self.fault_file, *args])
        for _ in range(200):
            if port_file.exists():
                break
            time.sleep(0.05)
        self.port = int(port_file.read_text())

    def set(self, fault):
        part = self.fault_file.with_suffix(".part")
        part.write_text(fault)
        part.rename(self.fault_file)

    def raw(self, folder="."):
        return [path.read_bytes() for path in sorted((self.folder / "mail" / folder).glob("*.eml"))]

    @property
    def stored(self):
        return [email.message_from_bytes(raw, policy=email.policy.default) for raw in self.raw()]

    @property
    def seen(self):
        return self.raw("seen")

    def wait_seen(self, n, limit_s=10):
        until = time.monotonic() + limit_s
        while len(self.seen) < n and time.monotonic() < until:
            time.sleep(0.02)
        assert len(self.seen) >= n

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


@pytest.fixture
def sinks(tmp_path, papers):
    """sinks(cert=..., auth=..., hold_s=...) starts a server; all end with the test."""
    made = []

    def start(cert="good", auth=True, hold_s=30.0):
        folder = tmp_path / f"sink{len(made)}"
        folder.mkdir()
        args = ["--cert", papers / f"{cert}.pem", "--key", papers / f"{cert}.key"] if cert else []
        made.append(Sink(folder, *map(str, args), *(["--auth"] if auth else []), "--hold-s", str(hold_s)))
        return made[-1]

    yield start
    for sink in made:
        sink.stop()


class Outbox:
    """A demo station that sends to a server."""

    def __init__(self, demo, papers, port):
        self.demo, self.shift_s = demo, 0
        password = demo.home / "smtp-password"
        password.write_text("secretpw\n")
        password.chmod(0o600)
        self.env = {"CLINIC_SMTP_HOST": "localhost", "CLINIC_SMTP_PORT": str(port), "CLINIC_SMTP_USER": "clinic",
                    "CLINIC_SMTP_PASSWORD_FILE": str(password), "CLINIC_SMTP_FROM": "station@clinic.example",
                    "CLINIC_SMTP_CA_FILE": str(papers / "ca.pem"), "CLINIC_SMTP_TIMEOUT_S": "2", "CLINIC_MAIL_DELAY_S": "0",
                    "CLINIC_MAIL_RETRY_MAX": "3"}

    @property
    def env_now(self):
        if not self.shift_s:
            return self.env
        at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=self.shift_s)
        return self.env | {"CLINIC_CLOCK": at.strftime("%Y-%m-%dT%H:%M:%SZ")}

    def __call__(self, *args, who="doctor", **kwargs):
        return self.demo(who, *args, env=self.env_now, **kwargs)

    def send(self, result=1, *args, to=ADDRESS):
        return self("mail", "send", result, "--to", to, *args, "--json", expect=0).json

    def flush(self):
        return self("mail", "flush", "--json", expect=0).json

    def later(self, seconds):
        self.shift_s += seconds

    def mails(self):
        return {m["id"]: m for m in self("mail", "list", "--page-size", 500, "--json", expect=0).json["results"]}

    def state(self, number=1):
        return self.mails()[number]["state"]

    def start(self, *args):
        return subprocess.Popen([str(BINARY), *args], env=self.demo.env | self.demo.token("doctor") | self.env_now,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.demo.home)


@pytest.fixture
def outbox(demo, papers, sinks):  # noqa: F811
    """outbox(cert=..., ...) -> (Outbox, Sink)"""
    def make(**kwargs):
        sink = sinks(**kwargs)
        return Outbox(demo, papers, sink.port), sink
    return make


def api(box, who, op, **args):
    """One JSON request: the result, or the code of the error."""
    request = {"id": 1, "op": op, "args": args}
    if who:
        request["token"] = (box.demo.home / f"{who}.token").read_text().strip()
    answer = box("api", who=None, stdin=json.dumps(request).encode() + b"\n").json
    return answer["result"] if answer["ok"] else answer["error"]["code"]


def ids(raws):
    return collections.Counter(re.search(rb"\r\nMessage-ID: <([^>]+)>", raw)[1] for raw in raws)


# --- the fault table ---

# fault, state after the first attempt, taken by the server by then, state after the fault is gone and time has passed
FAULTS = [
    ("ok", "sent", 1, "sent"),
    ("451mail", "retry", 0, "sent"),
    ("451rcpt", "retry", 0, "sent"),
    ("451data", "retry", 0, "sent"),
    ("421", "retry", 0, "sent"),
    ("drop-at-rcpt", "retry", 0, "sent"),
    ("550rcpt", "dead", 0, "dead"),
    ("550data", "dead", 0, "dead"),
    ("badauth", "dead", 0, "dead"),
    ("drop-before-250", "unknown", 1, "unknown"),
    ("slow-drop", "unknown", 1, "unknown"),
]


@pytest.mark.parametrize("fault,first,taken,last", FAULTS, ids=[f[0] for f in FAULTS])
def test_fault(outbox, fault, first, taken, last):
    box, sink = outbox(hold_s=4)
    sink.set(fault)
    mail = box.send(1, "--pdf")["mail"]
    assert mail["state"] == "queued"
    counts = box.flush()
    assert counts[first] == 1 and sum(counts[k] for k in ("sent", "retry", "dead", "unknown")) == 1
    assert box.state() == first
    assert len(sink.stored) == taken
    row = box.mails()[1]
    assert row["attempts"] == 1
    assert first == "sent" or row["error"]
    # Not before its time, then once more, and never again after that.
    sink.set("ok")
    assert box.flush()["sent"] == 0
    box.later(120)
    box.flush()
    box.later(3600)
    box.flush()
    assert box.state() == last
    assert len(sink.stored) == (1 if last == "sent" else taken)
    assert all(n == 1 for n in ids(sink.raw()).values())
    assert len(set(sink.seen)) <= 1 or len(ids(sink.seen)) == 1  # every attempt is the same message


def test_answer_too_late(outbox):
    """The server took its time over the answer: nobody knows, so nobody sends it again."""
    box, sink = outbox(hold_s=3)
    sink.set("slow")
    box.send()
    started = time.monotonic()
    assert box.flush()["unknown"] == 1
    assert time.monotonic() - started < 12
    sink.set("ok")
    box.later(7200)
    assert box.flush()["sent"] == 0
    assert box.state() == "unknown" and len(sink.stored) <= 1
    # A person asked, decides, and it goes.
    box("mail", "retry", 1, expect=0)
    assert box.flush()["sent"] == 1 and box.state() == "sent"


def test_line_cut_while_sending(outbox):
    box, sink = outbox()
    sink.set("drop-in-data")
    box.send(1, "--pdf", "--picture")
    counts = box.flush()
    assert counts["retry"] + counts["unknown"] == 1
    sink.set("ok")
    box.later(120)
    box.flush()
    assert box.state() == ("sent" if counts["retry"] else "unknown")
    assert len(sink.stored) == counts["retry"]


def test_a_person_revives_a_dead_one(outbox):
    box, sink = outbox()
    sink.set("550rcpt")
    box.send()
    assert box.flush()["dead"] == 1
    assert "no such user" in box.mails()[1]["error"]
    sink.set("ok")
    box("mail", "retry", 1, expect=0)
    assert box.flush()["sent"] == 1
    assert len(sink.stored) == 1
    assert box("mail", "retry", 1).rc == 2  # a sent one is not sent again


def test_given_up_after_so_many(outbox):
    box, sink = outbox()
    sink.set("451rcpt")
    box.send()
    for state in ("retry", "retry", "dead"):
        box.flush()
        assert box.state() == state
        box.later(4000)
    assert box.mails()[1]["attempts"] == 3
    assert not sink.stored


def test_backoff_survives_a_restart(outbox):
    """Each command is a new process: what is remembered is in the store."""
    box, sink = outbox()
    sink.set("451data")
    box.send()
    waits = []
    for _ in range(2):
        before = time.time() + box.shift_s
        box.flush()
        at = datetime.datetime.fromisoformat(box.mails()[1]["next_at"].replace("Z", "+00:00")).timestamp()
        waits.append(at - before)
        box.later(200)
    assert 25 <= waits[0] <= 40 and 50 <= waits[1] <= 70
    assert len(ids(sink.seen)) == 1 and len(sink.seen) == 2  # Message-ID and bytes stay
    assert len(set(raw.split(b"\r\n\r\n", 1)[1] for raw in sink.seen)) == 1


# --- connections that must not be trusted ---

def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def test_server_down(demo, papers):  # noqa: F811
    box = Outbox(demo, papers, free_port())
    box.send()
    assert box.flush()["retry"] == 1
    assert "E603" in box("mail", "test", ADDRESS).talk


def refuse(box, sink, code):
    box.send()
    assert box.flush()["retry"] == 1
    assert box.state() == "retry" and not sink.seen
    answer = box("mail", "test", ADDRESS)
    assert answer.rc == 6 and code in answer.talk


def test_no_starttls(outbox):
    """A password is never sent in the clear."""
    box, sink = outbox(cert=None, auth=False)
    refuse(box, sink, "E602")


def test_untrusted_certificate(outbox):
    box, sink = outbox()
    del box.env["CLINIC_SMTP_CA_FILE"]
    refuse(box, sink, "E602")


def test_certificate_of_another_host(outbox):
    box, sink = outbox(cert="other")
    refuse(box, sink, "E602")


def test_password_file_for_all_to_read(outbox):
    box, sink = outbox()
    (box.demo.home / "smtp-password").chmod(0o644)
    box.send()
    assert box.flush()["retry"] == 1 and not sink.seen
    assert "0600" in box.mails()[1]["error"]


def test_plain_on_loopback_without_a_user(outbox):
    box, sink = outbox(cert=None, auth=False)
    box.env["CLINIC_SMTP_USER"] = ""
    box.send()
    assert box.flush()["sent"] == 1 and len(sink.stored) == 1


def test_mail_test(outbox):
    box, sink = outbox()
    answer = box("mail", "test", ADDRESS, "--json", expect=0).json
    assert answer["ok"] is True and "250" in answer["transcript"]
    (message,) = sink.stored
    assert message["To"] == ADDRESS and "no patient data" in message.get_content()
    sink.set("badauth")
    answer = box("mail", "test", ADDRESS)
    assert answer.rc == 5 and "E607" in answer.talk
    assert box("mail", "test", ADDRESS, who="patient").rc == 7
    assert box("mail", "test", "a@b\nc@d").rc == 2


# --- programs that die, programs side by side ---

def test_killed_while_sending(outbox):
    box, sink = outbox(hold_s=30)
    sink.set("slow")
    box.env["CLINIC_SMTP_TIMEOUT_S"] = "20"
    box.send()
    sender = box.start("mail", "flush")
    sink.wait_seen(1)
    sender.kill()
    sender.wait()
    assert box.state() == "in_flight"
    sink.set("ok")
    assert box.flush()["sent"] == 0  # the lease of the dead one still runs
    box.later(3600)
    box.flush()
    assert box.state() == "unknown"
    assert "ask the recipient" in box.mails()[1]["error"]
    assert len(sink.stored) <= 1


def test_killed_at_any_moment(outbox):
    """A dozen messages, senders killed at random moments: each ends sent exactly once, or unknown and at most once."""
    box, sink = outbox()
    numbers = [box.send(1 + i % 5, "--note", f"number {i}")["mail"]["id"] for i in range(12)]
    moments = random.Random(4)
    for _ in range(40):
        sender = box.start("mail", "flush")
        time.sleep(moments.uniform(0.0, 0.25))
        sender.send_signal(signal.SIGKILL)
        sender.wait()
        box.later(3600)  # leases run out
        box.flush() if _ % 10 == 9 else None
        if all(m["state"] in ("sent", "unknown", "dead") for m in box.mails().values()):
            break
    box.later(3600)
    box.flush()
    mails = box.mails()
    taken = ids(sink.raw())
    assert set(mails) == set(numbers)
    assert max(taken.values()) == 1
    with sqlite3.connect(box.demo.home / "station" / "clinic.db") as db:
        of = dict(db.execute("SELECT id, message_id FROM outbox"))
    for number, mail in mails.items():
        assert mail["state"] in ("sent", "unknown")
        if mail["state"] == "sent":
            assert taken[of[number].encode()] == 1
    assert len(taken) >= sum(m["state"] == "sent" for m in mails.values()) > 0


def test_senders_side_by_side(outbox):
    box, sink = outbox()
    for i in range(12):
        box.send(1 + i % 5, "--note", f"number {i}")
    senders = [box.start("mail", "flush") for _ in range(4)]
    for sender in senders:
        assert sender.wait(60) == 0
    assert all(m["state"] == "sent" and m["attempts"] == 1 for m in box.mails().values())
    assert len(sink.stored) == 12 and max(ids(sink.seen).values()) == 1


def test_background_sender(outbox):
    """The station's own thread sends when the take-back is over, and stops when told."""
    box, sink = outbox()
    box.env["CLINIC_MAIL_DELAY_S"] = "1"
    socket_path = box.demo.home / "s"
    server = box.start("serve", "--socket", socket_path)
    try:
        until = time.monotonic() + 10
        while not socket_path.exists() and time.monotonic() < until:
            time.sleep(0.05)
        answer = box("mail", "send", 1, "--to", ADDRESS, "--json", "--socket", socket_path, expect=0).json
        assert answer["mail"]["state"] == "queued" and not sink.seen
        sink.wait_seen(1)
        while box.state() != "sent" and time.monotonic() < until + 5:
            time.sleep(0.1)
        assert box.state() == "sent"
    finally:
        server.terminate()
        assert server.wait(15) == 0


# --- what arrives ---

def test_message_as_it_arrives(outbox):
    box, sink = outbox()
    box.env["CLINIC_SITE_NAME"] = "Клиника \"Надежда\""
    note = "Please review.\n.\n.. two dots\nFrom the ward\nÄrztin 日本 " + "x" * 300 + "\ntrailing blank \n"
    box.send(8, "--pdf", "--picture", "--subject", "Röntgen-Befund für Dr. Müller: 肺炎? " + "sehr lang " * 12, "--note", note)
    assert box.flush()["sent"] == 1
    (raw,) = sink.raw()
    body = raw.split(b"\r\n", 2)[2]
    assert b"\n" not in body.replace(b"\r\n", b"") and b"\r" not in body.replace(b"\r\n", b"")
    assert max(map(len, body.split(b"\r\n"))) <= 78
    (message,) = sink.stored
    assert not message.defects
    assert message["X-From"] == "station@clinic.example" and message["X-To"] == ADDRESS
    assert message["Subject"].startswith("Röntgen-Befund für Dr. Müller: 肺炎? sehr lang")
    assert message["From"].addresses[0].display_name == 'Клиника "Надежда"'
    assert abs(message["Date"].datetime.timestamp() - time.time()) < 120
    text, pdf, picture = list(message.iter_parts())
    written = text.get_content().replace("\r\n", "\n")
    assert written.startswith(note.rstrip("\n"))
    assert "Result        000008" in written and "Not a medical device" in written
    assert (pdf.get_content_type(), pdf.get_filename()) == ("application/pdf", "result-000008.pdf")
    assert pdf.get_content().startswith(b"%PDF-") and len(pdf.get_content()) <= 150_000
    assert (picture.get_content_type(), picture.get_filename()) == ("image/jpeg", "picture-000008.jpg")
    assert picture.get_content().startswith(b"\xff\xd8")
    assert not any(part.get_content_type() == "text/html" for part in message.walk())


def test_default_subject_names_nobody(outbox):
    box, sink = outbox()
    name = box("results", "show", 1, "--json", expect=0).json["patient"]["name"]
    box.send(1)
    box.flush()
    (message,) = sink.stored
    assert message["Subject"] == "Image analysis result 000001 - Demo clinic"
    assert name not in message["Subject"] and name in message.get_content()


def test_encrypted(outbox, tmp_path):
    """The passphrase is in the answer and nowhere else; the finding is in the PDF and nowhere else."""
    box, sink = outbox()
    record = box("results", "show", 1, "--json", expect=0).json
    passphrase = box.send(1, "--encrypt", "--picture")["passphrase"]
    assert re.fullmatch(r"[a-z]{4}(-[a-z]{4}){5}", passphrase)
    box.flush()
    (message,) = sink.stored
    text, pdf = list(message.iter_parts())
    written = text.get_content()
    assert record["result"]["predicted_class"] not in written and record["patient"]["name"] not in written
    assert "encrypted PDF" in written
    for path in box.demo.home.rglob("*"):
        if path.is_file():
            assert passphrase.encode() not in path.read_bytes(), path
    file = tmp_path / "report.pdf"
    file.write_bytes(pdf.get_content())
    assert subprocess.run(["pdftotext", file, "-"], capture_output=True).returncode != 0
    assert subprocess.run(["pdftotext", "-upw", "wrong", file, "-"], capture_output=True).returncode != 0
    opened = subprocess.run(["pdftotext", "-layout", "-upw", passphrase, file, "-"], capture_output=True, check=True)
    assert record["patient"]["name"] in opened.stdout.decode()


def test_many_results_in_one(outbox):
    box, sink = outbox()
    mail = api(box, "doctor", "mail.send", results=[3, 1, 2, 3], to=ADDRESS, pdf=True)["mail"]
    assert sorted(mail["results"]) == [1, 2, 3]
    box.flush()
    (message,) = sink.stored
    text, pdf = list(message.iter_parts())
    assert [line.split()[1] for line in text.get_content().splitlines() if line.startswith("Result ")] == [
        "000003", "000001", "000002"]
    assert pdf.get_filename() == "results-3.pdf"


# --- take-back, refusals, who may ---

def test_take_back(outbox):
    box, sink = outbox()
    box.env["CLINIC_MAIL_DELAY_S"] = "10"
    box.send()
    counts = box.flush()
    assert counts["sent"] == 0 and counts["waiting"] == 1
    box("mail", "drop", 1, expect=0)
    box.later(3600)
    box.flush()
    assert box.state() == "dead" and not sink.seen
    box.shift_s = 0
    box.send()
    box.later(11)
    assert box.flush()["sent"] == 1


@pytest.mark.parametrize("field,value", [
    ("to", "a@b\r\nBcc: c@d"), ("to", "a@b\nDATA"), ("to", "a@b,c@d"), ("to", "<a@b>"), ("to", ""), ("to", "a b@c"),
    ("to", "\u00e9@b"), ("to", "a@" + "b" * 300), ("subject", "x\r\nBcc: c@d"), ("subject", "x\ny"), ("subject", "x\u0000y"),
    ("subject", "x" * 201), ("note", "x\r\nBcc: c@d"), ("note", "x" * 4001), ("results", []), ("results", list(range(1, 40)))], ids=lambda v: ascii(v)[:16])
def test_refused(outbox, field, value):
    box, sink = outbox()
    args = {"results": [1], "to": ADDRESS} | {field: value}
    code = api(box, "doctor", "mail.send", **args)
    assert code in ("E601", "E302", "E303"), code
    assert not box.mails()


def test_nothing_to_send(outbox):
    box, _ = outbox()
    assert api(box, "doctor", "mail.send", results=[1], to=ADDRESS, text=False) == "E302"
    assert api(box, "doctor", "mail.send", results=[999], to=ADDRESS) == "E404"
    box("results", "void", 2, "--reason", "wrong patient", expect=0)
    assert api(box, "doctor", "mail.send", results=[1, 2], to=ADDRESS) == "E409"
    assert not box.mails()


def test_who_may(outbox):
    box, sink = outbox()
    mine = box("results", "list", "--json", who="patient", expect=0).json["results"]
    own = {row["id"] for row in mine}
    assert own, "the demo's patient has a released result"
    other = next(i for i in range(1, 12) if i not in own)
    assert api(box, "patient", "mail.send", result=other, to=ADDRESS) == "E404"
    assert api(box, "researcher", "mail.send", result=1, to=ADDRESS) == "E403"
    assert api(box, "admin", "mail.send", result=1, to=ADDRESS) == "E403"
    assert api(box, None, "mail.send", result=1, to=ADDRESS) == "E402"
    theirs = api(box, "doctor", "mail.send", result=other, to=ADDRESS)["mail"]["id"]
    own_mail = api(box, "patient", "mail.send", result=min(own), to="me@home.example", pdf=True)["mail"]["id"]
    # Patients see and move their own only; doctors all; administrators that it moves, not what it is about.
    assert [m["id"] for m in api(box, "patient", "mail.list")["results"]] == [own_mail]
    assert api(box, "patient", "mail.drop", id=theirs) == "E404"
    assert api(box, "patient", "mail.retry", id=theirs) == "E404"
    assert {m["id"] for m in api(box, "doctor", "mail.list")["results"]} == {own_mail, theirs}
    veiled = api(box, "admin", "mail.list")["results"]
    assert len(veiled) == 2 and all(m["subject"] == "" and m["results"] == [] and m["to"] for m in veiled)
    assert api(box, "researcher", "mail.list") == "E403"
    assert api(box, "patient", "mail.drop", id=own_mail)["mail"]["state"] == "dead"
    assert api(box, "patient", "mail.flush")["sent"] == 1
    assert len(sink.stored) == 1


def test_every_step_is_in_the_audit(outbox):
    box, _ = outbox()
    box.send(4)
    box.flush()
    rows = box("audit", "list", "--page-size", 50, "--json", who="admin", expect=0).json["results"]
    told = [(row["op"], row["subject"], row["detail"]) for row in rows]
    assert ("mail.send", "mail 1", "results 4") in told
    assert ("mail.flush", "mail 1", "sent") in told
    assert not any(ADDRESS in json.dumps(row) for row in rows)
    assert box("audit", "verify", "--json", who="admin", expect=0).json["ok"] is True


# --- without a server ---

def test_demo_keeps_mail_in_a_folder(demo):  # noqa: F811
    demo("doctor", "mail", "send", 1, "--to", ADDRESS, "--pdf", env={"CLINIC_MAIL_DELAY_S": "0"}, expect=0)
    assert demo("doctor", "mail", "flush", "--json", expect=0).json["sent"] == 1
    (path,) = pathlib.Path(demo.home / "station" / "mail").iterdir()
    assert path.suffix == ".eml" and path.stat().st_mode & 0o077 == 0
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    assert message["To"] == ADDRESS and not message.defects
    assert "mail folder" in demo("doctor", "mail", "list", "--json").json["results"][0]["error"]


def test_site_without_mail_settings(demo):  # noqa: F811
    with sqlite3.connect(demo.home / "station" / "clinic.db") as db:
        db.execute("UPDATE meta SET value = 'no' WHERE name = 'demo'")
    answer = demo("doctor", "mail", "send", 1, "--to", ADDRESS)
    assert answer.rc == 2 and "E606" in answer.talk
    # With an address but no server it waits in the outbox.
    env = {"CLINIC_SMTP_FROM": "station@clinic.example", "CLINIC_MAIL_DELAY_S": "0"}
    demo("doctor", "mail", "send", 1, "--to", ADDRESS, env=env, expect=0)
    assert demo("doctor", "mail", "flush", env=env).rc == 2
    assert demo("doctor", "mail", "list", "--json", env=env).json["counts"]["queued"] == 1

#!/usr/bin/python3
"""A mail server for tests: keeps every message it takes, and misbehaves when told to.

sink.py PORT_FILE MAILDIR FAULT_FILE [--cert CERT --key KEY] [--auth] [--hold-s N]
Listens on a free port of 127.0.0.1 and writes its number to PORT_FILE. With --cert STARTTLS is offered and required;
with --auth so is a sign-in as clinic/secretpw. FAULT_FILE is read anew for every command and holds one word:
  ok          everything is taken
  451mail 451rcpt 550rcpt 451data 550data      refused at that step, for now or for good
  421         the answer to the message is "shutting down"
  badauth     the password is refused
  slow        the answer to the message comes after --hold-s seconds
  slow-drop   the same, and then the line is cut before it
  drop-before-250    the message is kept, the line is cut before the answer
  drop-at-rcpt       the line is cut at the recipient
  drop-in-data       the line is cut while the message comes in
MAILDIR: one file for each message that was taken, as it came over the line with the envelope in front (X-From, X-To);
MAILDIR/seen: each that came, refused ones too."""
import argparse
import asyncio
import itertools
import os
import pathlib
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

options = argparse.ArgumentParser()
options.add_argument("port_file", type=pathlib.Path)
options.add_argument("maildir", type=pathlib.Path)
options.add_argument("fault_file", type=pathlib.Path)
options.add_argument("--cert")
options.add_argument("--key")
options.add_argument("--auth", action="store_true")
options.add_argument("--hold-s", type=float, default=30)
asked = options.parse_args()
(asked.maildir / "seen").mkdir(parents=True, exist_ok=True)
numbers = itertools.count(1)


def fault():
    try:
        return asked.fault_file.read_text().strip()
    except OSError:
        return "ok"


def sign_in(_server, _session, _envelope, _mechanism, data):
    right = isinstance(data, LoginPassword) and (data.login, data.password) == (b"clinic", b"secretpw")
    return AuthResult(success=right and fault() != "badauth", handled=False)


def keep(folder, name, data):
    part = folder / (name + ".part")
    part.write_bytes(data)
    part.rename(folder / name)


class Handler:
    async def handle_MAIL(self, _server, _session, envelope, address, mail_options):
        if fault() == "451mail":
            return "451 try later"
        envelope.mail_from = address
        envelope.mail_options.extend(mail_options)
        return "250 OK"

    async def handle_RCPT(self, server, _session, envelope, address, _options):
        answer = {"451rcpt": "451 try later", "550rcpt": "550 no such user"}.get(fault())
        if answer:
            return answer
        if fault() == "drop-at-rcpt":
            server.transport.abort()
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, _session, envelope):
        how = fault()
        head = f"X-From: {envelope.mail_from}\r\nX-To: {', '.join(envelope.rcpt_tos)}\r\n".encode()
        name = f"{next(numbers):06d}.{os.getpid()}.eml"
        keep(asked.maildir / "seen", name, head + envelope.original_content)
        refused = {"451data": "451 try later", "550data": "550 not wanted here", "421": "421 shutting down"}.get(how)
        if refused:
            return refused
        if how == "slow":
            await asyncio.sleep(asked.hold_s)
        keep(asked.maildir, name, head + envelope.original_content)
        if how == "slow-drop":
            await asyncio.sleep(asked.hold_s)
        if how in ("drop-before-250", "slow-drop"):
            server.transport.abort()
        return "250 OK stored"


class Server(SMTP):
    async def smtp_DATA(self, arg):
        if fault() == "drop-in-data":
            await self.push("354 go on")
            await self._reader.readline()
            self.transport.abort()
            return
        await super().smtp_DATA(arg)


async def main():
    tls = None
    if asked.cert:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(asked.cert, asked.key)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Server(Handler(), hostname="localhost", tls_context=tls, require_starttls=tls is not None,
                       auth_required=asked.auth, auth_require_tls=tls is not None, authenticator=sign_in if asked.auth else None,
                       data_size_limit=20 << 20, loop=loop), host="127.0.0.1", port=0)
    port = asked.port_file.with_suffix(".part")
    port.write_text(str(server.sockets[0].getsockname()[1]))
    port.rename(asked.port_file)
    await server.serve_forever()


try:
    asyncio.run(main())
except KeyboardInterrupt:
    sys.exit(0)

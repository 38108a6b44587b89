#!/usr/bin/python3
"""A slow line in front of a server on this machine.

slow_line.py PORT_FILE SERVER_PORT DELAY_MS BYTES_PER_S [--cut-after-bytes N]
Listens on a free port of 127.0.0.1, writes its number to PORT_FILE, and passes on what it hears: each part DELAY_MS later,
and no more than BYTES_PER_S in each direction. With --cut-after-bytes the line is dead after so many bytes to the server:
nothing more goes through either way, nobody hangs up."""
import argparse
import asyncio
import pathlib

options = argparse.ArgumentParser()
options.add_argument("port_file", type=pathlib.Path)
options.add_argument("server_port", type=int)
options.add_argument("delay_ms", type=float)
options.add_argument("bytes_per_s", type=float)
options.add_argument("--cut-after-bytes", type=int)
asked = options.parse_args()


class Line:
    """One connection. Both directions end when the line is cut."""

    def __init__(self):
        self.dead = False

    async def carry(self, reader, writer, limit):
        """Bytes wait in a queue, so that the delay is one of the line and not one for each part."""
        clock, queue, heard = asyncio.get_running_loop().time, asyncio.Queue(64), 0

        async def deliver():
            free_at = 0.0
            while (part := await queue.get()) is not None:
                came_at, data = part
                free_at = max(free_at, came_at + asked.delay_ms / 1e3) + len(data) / asked.bytes_per_s
                await asyncio.sleep(max(0.0, free_at - clock()))
                if not self.dead:
                    writer.write(data)
                    await writer.drain()
            if not self.dead:
                writer.close()

        delivery = asyncio.create_task(deliver())
        try:
            while data := await reader.read(1024):
                heard += len(data)
                if limit is not None and heard > limit:
                    self.dead = True
                if not self.dead:
                    await queue.put((clock(), data))
        except ConnectionError:
            pass
        await queue.put(None)
        await delivery


async def connected(near_reader, near_writer):
    far_reader, far_writer = await asyncio.open_connection("127.0.0.1", asked.server_port)
    line = Line()
    await asyncio.gather(line.carry(near_reader, far_writer, asked.cut_after_bytes), line.carry(far_reader, near_writer, None),
                         return_exceptions=True)


async def main():
    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    part = asked.port_file.with_suffix(".part")
    part.write_text(str(server.sockets[0].getsockname()[1]))
    part.rename(asked.port_file)
    await server.serve_forever()


asyncio.run(main())

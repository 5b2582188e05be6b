"""A server of files on loopback that can be told to misbehave, and files to fetch from it."""

import gzip
import hashlib
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from patom.datasets import RemoteFile


class FileServer:
    """Serves ``bodies`` by path; ``ranges`` is the Range header of every request, None where there was none."""

    def __init__(self):
        self.bodies = {}
        self.ranges = []
        self.status = None  # answer with this
        self.cut_after = None  # the next answer ends after so many bytes of its body
        self.honours_ranges = True
        self.announces_length = True
        self.encodes = False  # gzip on the wire
        self.before_answer = lambda: None
        self.http = _Quiet(("127.0.0.1", 0), _handler(self))

    @property
    def address(self):
        return f"http://127.0.0.1:{self.http.server_port}"

    def add(self, body, name="set/file.bin", *, packed=False, **changes):
        """Serve ``body``; returns the RemoteFile, with ``changes``."""
        sent = gzip.compress(body) if packed else body
        path = f"/{name}"
        self.bodies[path] = sent
        facts = {"name": name, "url": self.address + path, "sha256": sha256(sent), "size": len(sent)}
        return RemoteFile(**facts | {"unpacked_sha256": sha256(body) if packed else None} | changes)


class _Quiet(ThreadingHTTPServer):
    def handle_error(self, *_):
        """A client that leaves early is what some tests are about."""


def sha256(content):
    return hashlib.sha256(content).hexdigest()


@contextmanager
def serving():
    server = FileServer()
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.http.shutdown()
        server.http.server_close()
        thread.join()


def _handler(server):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked = self.headers.get("Range")
            server.ranges.append(asked)
            server.before_answer()
            body = server.bodies.get(self.path)
            if server.status or body is None:
                self.send_error(server.status or 404)
                return
            start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and server.honours_ranges else 0
            if start >= len(body):
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            rest = body[start:]
            if server.encodes:
                self.send_header("Content-Encoding", "gzip")
                rest = gzip.compress(rest)
            if server.announces_length:
                self.send_header("Content-Length", str(len(rest)))
            self.end_headers()
            cut, server.cut_after = server.cut_after, None
            self.wfile.write(rest[:cut])

        def log_message(self, *_):
            pass

    return Handler

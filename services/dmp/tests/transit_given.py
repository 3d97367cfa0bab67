"""A transit engine to test against: the part of the HTTP API that the service uses, with real cryptography.

Its limits and the words of its refusals are those of the engine that OpenBao and Vault share; the same
tests run against a real server when one is named (`make test-openbao`).
"""

import json
import os
import ssl
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

TOKEN = "fictitious-token"
Data = dict[str, Any]


class Refused(Exception):
    """Answered with this status and `{"errors": [...]}`."""

    def __init__(self, status: int, *errors: str) -> None:
        self.status, self.errors = status, errors


@dataclass
class Key:
    """A named key: its versions, and which of them may still be used."""

    derived: bool
    versions: dict[int, bytes] = field(default_factory=lambda: {1: os.urandom(32)})
    min_decryption_version: int = 1
    min_encryption_version: int = 0
    min_available_version: int = 0

    @property
    def latest(self) -> int:
        return max(self.versions)

    def shown(self, name: str) -> Data:
        limits = {limit: getattr(self, limit) for limit in LIMITS}
        return {"name": name, "derived": self.derived, "latest_version": self.latest, **limits}

    def cipher(self, version: int, context: str) -> AESGCM:
        if not self.derived:
            return AESGCM(self.versions[version])
        if not context:
            raise Refused(
                400, "missing 'context' for key derivation; the key was created using a derived key"
            )
        return AESGCM(HKDF(SHA256(), 32, None, b64decode(context)).derive(self.versions[version]))

    def encrypt(self, plaintext: str, context: str = "") -> Data:
        nonce, version = os.urandom(12), self.latest
        sealed = nonce + self.cipher(version, context).encrypt(nonce, b64decode(plaintext), None)
        return {"ciphertext": f"vault:v{version}:{b64encode(sealed).decode()}", "key_version": version}

    def decrypt(self, ciphertext: str, context: str = "") -> Data:
        parts = ciphertext.split(":")
        if len(parts) != 3 or parts[0] != "vault":
            raise Refused(400, "invalid ciphertext: no prefix")
        version = int(parts[1].removeprefix("v"))
        if version > self.latest:
            raise Refused(400, "invalid ciphertext: version is too new")
        if version < self.min_decryption_version:
            raise Refused(400, "ciphertext or signature version is disallowed by policy (too old)")
        try:
            sealed = b64decode(parts[2], validate=True)
            opened = self.cipher(version, context).decrypt(sealed[:12], sealed[12:], None)
        except (InvalidTag, ValueError):
            raise Refused(400, "cipher: message authentication failed") from None
        return {"plaintext": b64encode(opened).decode()}


LIMITS = ("min_decryption_version", "min_encryption_version", "min_available_version")


@dataclass
class Engine:
    """What the server holds. `sealed`: it answers 503 to everything, as after a restart."""

    keys: dict[str, Key] = field(default_factory=dict)
    sealed: bool = False
    asked: list[str] = field(default_factory=list)

    def answer(self, method: str, path: str, token: str, body: Data) -> Data | None:
        self.asked.append(path)
        if self.sealed:
            raise Refused(503, "Vault is sealed")
        if token != TOKEN:
            raise Refused(403, "permission denied")
        act, name, *more = path.removeprefix("/v1/transit/").split("/")
        if act == "keys":
            return self._key(method, name, more, body)
        if name not in self.keys:
            raise Refused(400, "encryption key not found")
        found: Data = getattr(self, f"_{act}")(self.keys[name], body)
        return found

    def _key(self, method: str, name: str, more: list[str], body: Data) -> Data | None:
        if not more and method == "POST":
            self.keys.setdefault(name, Key(bool(body.get("derived"))))
        elif name not in self.keys:
            raise Refused(404)
        elif not more:
            return self.keys[name].shown(name)
        else:
            getattr(self, f"_{more[0]}")(self.keys[name], body)
        return None

    def _encrypt(self, key: Key, body: Data) -> Data:
        return key.encrypt(body["plaintext"], body.get("context", ""))

    def _decrypt(self, key: Key, body: Data) -> Data:
        return key.decrypt(body["ciphertext"], body.get("context", ""))

    def _rewrap(self, key: Key, body: Data) -> Data:
        return {"batch_results": [self._rewrapped(key, item) for item in body["batch_input"]]}

    def _rewrapped(self, key: Key, item: Data) -> Data:
        context = item.get("context", "")
        try:
            return key.encrypt(key.decrypt(item["ciphertext"], context)["plaintext"], context)
        except Refused as refused:
            return {"error": refused.errors[0]}

    def _rotate(self, key: Key, _: Data) -> None:
        key.versions[key.latest + 1] = os.urandom(32)

    def _config(self, key: Key, body: Data) -> None:
        for limit in ("min_decryption_version", "min_encryption_version"):
            if body[limit] > key.latest:
                raise Refused(400, f"cannot set {limit} of {body[limit]}, latest key version is {key.latest}")
            setattr(key, limit, body[limit])

    def _trim(self, key: Key, body: Data) -> None:
        wanted = body["min_available_version"]
        if key.min_encryption_version == 0 or wanted > min(
            key.min_encryption_version, key.min_decryption_version
        ):
            raise Refused(400, "minimum available version cannot be higher than the other minimums")
        key.min_available_version = wanted
        key.versions = {number: key for number, key in key.versions.items() if number >= wanted}


@contextmanager
def serving(engine: Engine, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """The engine answering on loopback; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer({})

        def do_POST(self) -> None:
            self.answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def answer(self, body: Data) -> None:
            try:
                data = engine.answer(self.command, self.path, self.headers.get("X-Vault-Token", ""), body)
                self.send(200 if data else 204, {"data": data} if data else None)
            except Refused as refused:
                self.send(refused.status, {"errors": refused.errors})

        def send(self, status: int, content: Data | None) -> None:
            written = json.dumps(content).encode() if content else b""
            self.send_response(status)
            self.send_header("Content-Length", str(len(written)))
            self.end_headers()
            self.wfile.write(written)

        def log_message(self, *_: object) -> None:
            """Nothing: what is asked holds secrets."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

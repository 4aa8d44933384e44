"""What the tests of an installed release share: calls to the API, and a player who signs what it sends."""

import base64
import hashlib
import hmac
import json
import os
import secrets
import time
import urllib.error
import urllib.request

API = os.environ["API_URL"]
BOARD, KIND = os.environ.get("BOARD"), os.environ.get("KIND")


def call(method, path, body=None, headers=None, base=API):
    """One request; status and body. Refusals are answers, not exceptions."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(base + path, data, headers or {}, method=method)
    request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        raise SystemExit(f"{base}{path} cannot be reached: {error}") from error


def expect(wanted, answer, what):
    """The body as JSON, or the end of the test with what came instead."""
    status, body = answer
    if status != wanted:
        raise SystemExit(f"{what}: expected {wanted}, got {status}: {body[:500]}")
    return json.loads(body)


class Player:
    """A new account, as each run is one of its own."""

    def __init__(self):
        name, password = f"helm-test-{secrets.token_hex(4)}", secrets.token_urlsafe(24)
        body = {"username": name, "password": password}
        expect(201, call("POST", "/api/v1/auth/register", body), "register")
        self.session = expect(200, call("POST", "/api/v1/auth/login", body), "log in")

    def post(self, path, body):
        """Send a signed request (RFC 9421, the profile of docs/signing.md)."""
        data = json.dumps(body).encode()
        signing = self.session["signing"]
        digest = f"sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"
        nonce = base64.b64encode(secrets.token_bytes(16)).decode()
        text = (
            f'("@method" "@path" "@query" "content-digest");created={int(time.time())};keyid="{signing["key_id"]}"'
            f';nonce="{nonce}";alg="hmac-sha256";tag="scoreboard-v1"'
        )
        base = f'"@method": POST\n"@path": {path}\n"@query": ?\n"content-digest": {digest}\n"@signature-params": {text}'
        key = base64.urlsafe_b64decode(signing["key"] + "==")
        mac = base64.b64encode(hmac.digest(key, base.encode(), "sha256")).decode()
        headers = {
            "Authorization": f"Bearer {self.session['access_token']}",
            "Content-Digest": digest,
            "Signature-Input": f"sb={text}",
            "Signature": f"sb=:{mac}:",
        }
        return call("POST", path, body, headers)

    def score(self):
        """Begin an action and complete it; what came of it."""
        begun = expect(201, self.post("/api/v1/actions", {"kind": KIND}), f"begin an action of kind {KIND}")
        path = f"/api/v1/actions/{begun['action_id']}/complete"
        return expect(200, self.post(path, {"action_token": begun["action_token"]}), "complete the action")

"""The profile of signed requests: one known vector, what it refuses, and agreement with a general library."""

import base64
import random
import secrets
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID, uuid4

import pytest
from http_message_signatures import HTTPMessageSigner, HTTPMessageVerifier, HTTPSignatureKeyResolver, InvalidSignature
from http_message_signatures.algorithms import HMAC_SHA256

from scoreboard.domain.errors import ErrorCode, Refusal
from scoreboard.security.request_signing import (
    SignedRequest,
    SigningKeys,
    content_digest,
    read_parameters,
    require_fresh,
    sign,
    signature_base,
    verify,
)

SESSION = UUID("019aa1b2-4c5d-7e6f-8a9b-0c1d2e3f4a5b")
KEY = bytes(range(32))
NOW = 1_790_000_000
# Also printed in docs/signing.md, for whoever writes a client.
VECTOR = SignedRequest(
    "POST",
    "/api/v1/scores/update",
    "",
    b'{"action_id":"tap-1","kind":"tap"}',
    'sb=("@method" "@path" "@query" "content-digest" "idempotency-key");created=1790000000;'
    'keyid="019aa1b2-4c5d-7e6f-8a9b-0c1d2e3f4a5b";nonce="AAECAwQFBgcICQoLDA0ODw==";alg="hmac-sha256";'
    'tag="scoreboard-v1"',
    "sb=:FhVDYsHYQzxrvnhSQp6Ro0xpvCTyAqGkYOdrJm/2ItQ=:",
    "sha-256=:/xksVa+6ax9nH14t5P1a3AhOfMEYC6lfxAZSDRFshHA=:",
    "5f0c6c1e",
)


def accepted(request: SignedRequest, key: bytes = KEY) -> bool:
    """Whether our own reader takes it."""
    try:
        parameters = read_parameters(request.signature_input, keyed=request.idempotency_key is not None)
        verify(request, parameters, key)
    except Refusal:
        return False
    return True


class OneKey(HTTPSignatureKeyResolver):
    def __init__(self, key: bytes) -> None:
        self.key = key

    def resolve_private_key(self, key_id: str) -> bytes:
        return self.key

    def resolve_public_key(self, key_id: str) -> bytes:
        return self.key


def message(request: SignedRequest) -> SimpleNamespace:
    """The request as the library wants it."""
    url = f"https://scores.example{request.path}" + (f"?{request.query}" if request.query else "")
    headers = {"Content-Digest": request.content_digest or ""}
    if request.idempotency_key is not None:
        headers["Idempotency-Key"] = request.idempotency_key
    if request.signature_input:
        headers |= {"Signature-Input": request.signature_input, "Signature": request.signature}
    return SimpleNamespace(method=request.method, url=url, headers=headers)


def oracle_accepts(request: SignedRequest, key: bytes) -> bool:
    """Whether the library takes it, told to be as strict as it can be."""
    covered = ["@method", "@path", "@query", "content-digest"]
    covered += ["idempotency-key"] if request.idempotency_key is not None else []
    verifier = HTTPMessageVerifier(signature_algorithm=HMAC_SHA256, key_resolver=OneKey(key))
    try:
        results = verifier.verify(
            message(request),
            max_age=None,
            expect_tag="scoreboard-v1",
            expect_label="sb",
            require_components=covered,
            body=request.body,
        )
    except InvalidSignature:
        return False
    return len(results) == 1


def signed_by_oracle(rng: random.Random, key: bytes) -> SignedRequest:
    """A request that the library signed: its own order of parameters, its own digest."""
    path = "/" + "/".join(
        "".join(rng.choices("abcXYZ019-_.~%20"[:13], k=rng.randrange(1, 9))) for _ in range(rng.randrange(1, 5))
    )
    query = "&".join(f"{rng.choice('abc')}={rng.randrange(1000)}" for _ in range(rng.randrange(3)))
    body = rng.randbytes(rng.randrange(0, 200))
    chosen = rng.choice([None, f"key-{rng.randrange(10**9)}", "a b"])
    bare = SignedRequest(rng.choice(["POST", "PUT", "DELETE", "GET"]), path, query, body, "", "", None, chosen)
    sent = message(bare)
    covered = ["@method", "@path", "@query", "content-digest", *(["idempotency-key"] if chosen else [])]
    sent.headers["Content-Digest"] = content_digest(body)
    HTTPMessageSigner(signature_algorithm=HMAC_SHA256, key_resolver=OneKey(key)).sign(
        sent,
        key_id=str(uuid4()),
        created=datetime.fromtimestamp(rng.randrange(1, 1_700_000_000), UTC),
        nonce=base64.b64encode(rng.randbytes(16)).decode(),
        label="sb",
        tag="scoreboard-v1",
        covered_component_ids=covered,
        use_existing_digest=True,
        body=body,
    )
    return replace(
        bare,
        signature_input=sent.headers["Signature-Input"],
        signature=sent.headers["Signature"],
        content_digest=sent.headers["Content-Digest"],
    )


def bent(rng: random.Random, request: SignedRequest) -> SignedRequest:
    """The same request with one thing changed on its way."""
    other = base64.b64encode(rng.randbytes(32)).decode()
    changes = [
        {"method": "PATCH"},
        {"path": request.path + "x"},
        {"query": request.query + "&z=1" if request.query else "z=1"},
        {"body": request.body + b" "},
        {"body": request.body + b" ", "content_digest": content_digest(request.body + b" ")},
        {"content_digest": content_digest(b"other")},
        {"signature": f"sb=:{other}:"},
        {"signature_input": request.signature_input.replace("created=", "created=1")},
        {"signature_input": request.signature_input.replace('tag="scoreboard-v1"', 'tag="scoreboard-v2"')},
        {"signature_input": request.signature_input.replace('"@path" ', "")},
        {"signature_input": request.signature_input.replace("hmac-sha256", "ed25519")},
        {"signature_input": request.signature_input.replace("sb=", "sc=")},
        {"signature": request.signature.replace("sb=", "sc=")},
        {"signature": ""},
        {"signature_input": request.signature_input + ";"},
        {"signature_input": request.signature_input + ";;"},
    ]
    if request.idempotency_key is not None:
        changes += [{"idempotency_key": request.idempotency_key + "2"}, {"idempotency_key": None}]
    else:
        changes += [{"idempotency_key": "smuggled"}]
    return replace(request, **rng.choice(changes))  # type: ignore[arg-type]


def agree(cases: int, seed: int) -> tuple[int, int]:
    """Run both readers over generated requests, as signed and bent. Returns how many were taken and refused."""
    rng = random.Random(seed)
    taken = refused = 0
    for number in range(cases):
        key = rng.randbytes(32)
        request = signed_by_oracle(rng, key)
        if number % 2:
            request = bent(rng, request)
        ours, theirs = accepted(request, key), oracle_accepts(request, key)
        assert ours == theirs, request
        taken, refused = taken + ours, refused + (not ours)
    return taken, refused


def test_ours_and_the_library_agree() -> None:
    taken, refused = agree(1000, seed=1)
    assert taken >= 500
    assert refused >= 450


def test_the_vector_of_the_guide_is_accepted() -> None:
    assert accepted(VECTOR)
    assert oracle_accepts(VECTOR, KEY)
    assert not accepted(VECTOR, secrets.token_bytes(32))


@pytest.mark.parametrize("key", [None, "5f0c6c1e"])
def test_what_our_own_clients_sign_is_accepted(key: str | None) -> None:
    body = b'{"kind":"tap"}'
    headers = sign(KEY, SESSION, "POST", "/a%20b", body, created=1, nonce=bytes(16), query="x=%7b", idempotency_key=key)
    sent = SignedRequest(
        "POST",
        "/a%20b",
        "x=%7b",
        body,
        headers["Signature-Input"],
        headers["Signature"],
        headers["Content-Digest"],
        key,
    )
    assert accepted(sent)
    assert oracle_accepts(sent, KEY)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("sb=(", "sb=( "),
        ("sb=(", "SB=("),
        ("sb=(", "sb= ("),
        (' "content-digest"', ""),
        ('"@method" "@path"', '"@path" "@method"'),
        (' "idempotency-key"', ""),
        ("created=1790000000;", ""),
        ("created=1790000000", "created=01790000000"),
        ("created=1790000000", "created=1790000000.0"),
        ("created=1790000000", "created=-1"),
        ("created=1790000000", "created=1790000000;created=1790000000"),
        ("created=1790000000", "created=1790000000;expires=1890000000"),
        ("created=1790000000;", "created=1790000000; "),
        ("019aa1b2", "019AA1B2"),
        ("AAECAwQFBgcICQoLDA0ODw==", "AAECAwQFBgcICQoLDA0ODw"),
        ("AAECAwQFBgcICQoLDA0ODw==", "AAECAwQFBgcICQoLDA0ODx=="),
        ("AAECAwQFBgcICQoLDA0ODw==", "AAECAwQFBgcICQoLDA0="),
        ("hmac-sha256", "none"),
        ("hmac-sha256", "HMAC-SHA256"),
        ('alg="hmac-sha256";', ""),
        ('tag="scoreboard-v1"', 'tag="scoreboard-v1",sb2=("@method")'),
        ('tag="scoreboard-v1"', 'tag="other"'),
        ('tag="scoreboard-v1"', 'tag="scoreboard-v1";x=1'),
        ('"@query"', '"@query";req'),
    ],
)
def test_anything_but_the_profile_is_refused(old: str, new: str) -> None:
    assert old in VECTOR.signature_input
    assert not accepted(replace(VECTOR, signature_input=VECTOR.signature_input.replace(old, new, 1)))


@pytest.mark.parametrize(
    "signature",
    ["", "sb=::", VECTOR.signature[:-1], VECTOR.signature + " ", VECTOR.signature.replace("=:", "="), "sb=:AAAA:", "x"],
)
def test_a_signature_of_another_form_is_refused(signature: str) -> None:
    assert not accepted(replace(VECTOR, signature=signature))


def test_what_no_signature_can_cover_is_refused() -> None:
    assert not accepted(replace(VECTOR, path="/\u00e9"))


@pytest.mark.parametrize("created", [NOW, NOW - 60, NOW + 5])
def test_a_fresh_signature(created: int) -> None:
    require_fresh(created, NOW, past=60, future=5)


@pytest.mark.parametrize("created", [NOW - 61, NOW + 6, 0, 10**11])
def test_a_stale_signature(created: int) -> None:
    with pytest.raises(Refusal) as refused:
        require_fresh(created, NOW, past=60, future=5)
    assert refused.value.code is ErrorCode.STALE_REQUEST
    assert refused.value.extra == {"server_time": "2026-09-21T14:13:20.000Z"}


def test_each_session_has_its_own_key_and_few_are_remembered() -> None:
    keys = SigningKeys(secrets.token_bytes(32), remembered=2)
    sessions = [uuid4() for _ in range(4)]
    first = [keys.of(session) for session in sessions]
    assert len(set(first)) == 4
    assert [keys.of(session) for session in sessions] == first
    assert len(keys._keys) == 2


def test_the_guide_shows_this_vector() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "signing.md").read_text("utf-8")
    base = signature_base(VECTOR, read_parameters(VECTOR.signature_input, keyed=True).text).decode()
    for part in (VECTOR.signature_input, VECTOR.signature, VECTOR.content_digest, VECTOR.body.decode(), base):
        assert part is not None
        assert part in guide

"""Made-up requests by callers of every role, as the OpenAPI document allows them and as it forbids them.

No request may break the API (5xx), be answered in a way that the document does not know, or be refused with anything
but a problem whose code is in the catalogue. Good requests are often led to things that exist, or they would all end
at the first look-up.
"""

import asyncio
import contextlib
import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import load_all_checks
from schemathesis.core.parameters import ParameterLocation

from scoreboard.domain.errors import ErrorCode
from scoreboard.domain.player import Role
from scoreboard_api.errors import STATUS
from tests.security.callers import open_caller
from tests.security.conftest import Count
from tests.security.processes import Fleet, fleet
from tests.stage import Stores

load_all_checks()
CHECKS = [
    schemathesis.checks.CHECKS.get_one(name)
    for name in (
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
    )
]
REJECTION = schemathesis.checks.CHECKS.get_one("negative_data_rejection")
ADMIN = "/api/v1/admin/"
ENDS_SESSIONS = ("/auth/logout", "/auth/password")
ROLES = ("anonymous", *Role)


@dataclass
class World:
    """What exists, for requests that shall get further than the first look-up."""

    tokens: dict[str, str]
    throwaway: list[str] = field(default_factory=list)
    actions: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    players: list[str] = field(default_factory=list)
    jobs: list[str] = field(default_factory=list)

    def token(self, operation: Any, role: str) -> str | None:
        """The token of this role, or one that nobody needs any more where sessions end."""
        if operation.path.endswith(ENDS_SESSIONS) or (
            operation.method.upper() == "DELETE" and ADMIN not in operation.path
        ):
            return self.throwaway.pop()
        return self.tokens.get(role)

    def lead(self, case: Any, role: str, rng: random.Random) -> None:
        """Put things that exist in place of made-up ones."""
        actions = self.actions.get(role) or self.actions[Role.PLAYER]
        known = {
            # What is declared here is changed and retired at will, so it is not what others play on.
            "key": rng.choice(["one", "two"] if ADMIN in case.path else ["main", "dense", "hidden", "fastest"]),
            "player_id": rng.choice(self.players),
            "job_id": rng.choice(self.jobs),
            "action_id": rng.choice(actions)["action_id"],
        }
        for name in case.path_parameters or {}:
            case.path_parameters[name] = known.get(name, case.path_parameters[name])
        begun = next((each for each in actions if each["action_id"] == known["action_id"]), actions[0])
        if isinstance(case.body, dict):
            values = {"action_token": begun["action_token"], "kind": rng.choice(["tap", "quiz", "match", "huge"])}
            for name, value in values.items():
                if isinstance(case.body.get(name), str):
                    case.body[name] = value
            for name, keys in {"boards": ["one"], "kinds": ["slow"]}.items():
                if isinstance(case.body.get(name), list):
                    case.body[name] = keys


async def populate(running: Fleet, throwaway: int) -> World:
    client = running.clients[0]
    world = World({})
    for role in Role:
        opened = await open_caller(running.platform, running.tokens, role)
        world.tokens[role] = opened.access_token
        world.players.append(str(opened.player.id))
        person = opened.person(client)
        world.actions[role] = [await person.begin(kind) for kind in ("quiz", "match") * 20]
        queued = await person.post("/api/v1/actions/execute", {"action_id": "first", "kind": "tap"})
        world.jobs.append(queued.json()["job_id"])
    for _ in range(throwaway):
        world.throwaway.append((await open_caller(running.platform, running.tokens)).access_token)
    return world


def check_problem(response: Any) -> str:
    """A refusal is a problem with a known code and its own status. Returns the code."""
    assert response.headers["content-type"] == ["application/problem+json"], response.text
    body = response.json()
    assert STATUS[ErrorCode(body["code"])][0] == response.status_code == body["status"], body
    assert body["request_id"], body
    return str(body["code"])


def fuzz(url: str, loaded: dict[str, Any], world: World, examples: int) -> Counter[str]:
    schema = schemathesis.openapi.from_dict(loaded)
    schema.config.update(base_url=url)
    rejection = schema.config.checks.negative_data_rejection
    rejection.expected_statuses = [*rejection.expected_statuses, "413"]  # too long to be read at all
    counts: Counter[str] = Counter()
    for result in schema.get_all_operations():
        operation: Any = result.ok()  # type: ignore[union-attr] # a broken document raises here
        for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE):
            with contextlib.suppress(Unsatisfiable):  # nothing about this operation can be made wrong
                run(operation, mode, world, examples, counts)
    return counts


def run(operation: Any, mode: Any, world: World, examples: int, counts: Counter[str]) -> None:
    good = mode is schemathesis.GenerationMode.POSITIVE

    @seed(examples)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        case=operation.as_strategy(generation_mode=mode),
        role=st.sampled_from(ROLES),
        leading=st.integers(0, 2**32),
    )
    def once(case: Any, role: str, leading: int) -> None:
        token = world.token(operation, role)
        if good and leading % 4:
            world.lead(case, role, random.Random(leading))
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        response = case.call(headers=headers, timeout=10)
        code = check_problem(response) if response.status_code >= 400 else ""
        counts[f"{response.status_code} {code}".strip()] += 1
        # Leaving out the Authorization header makes a request wrong, and we have put it back.
        put_back = case.meta.components.get(ParameterLocation.HEADER)
        rejects = put_back is None or put_back.mode is not schemathesis.GenerationMode.NEGATIVE
        case.validate_response(response, checks=[*CHECKS, REJECTION] if rejects else CHECKS)

    once()


@pytest.mark.parametrize("examples", [6, pytest.param(190, marks=[pytest.mark.full, pytest.mark.timeout(3000)])])
async def test_no_request_breaks_the_api(stores: Stores, tmp_path: Path, examples: int, count: Count) -> None:
    async with fleet(stores, tmp_path, "api", SCOREBOARD_ACCESS_LOG_SAMPLE="0") as running:
        loaded = (await running.clients[0].get("/openapi.json")).json()
        world = await populate(running, throwaway=8 * examples)
        counts = await asyncio.to_thread(fuzz, running.services[0].url, loaded, world, examples)
        assert not [outcome for outcome in counts if outcome >= "500"], counts
        assert {"200", "201", "401 UNAUTHENTICATED", "403 FORBIDDEN", "400 VALIDATION_ERROR"} <= set(counts)
        assert sum(counts.values()) >= 40 * examples, counts
        count("schemathesis cases", sum(counts.values()))
        async with httpx.AsyncClient(base_url=running.services[0].url) as client:
            assert (await client.get("/health/ready")).json()["status"] == "ok"
        assert "Traceback" not in running.services[0].log.read_text()

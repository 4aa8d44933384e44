"""Whoever declares boards, kinds, policies and seasons in tests: a person or a resource, over HTTP."""

from dataclasses import dataclass, field
from typing import Any

import httpx2 as httpx

from scoreboard.domain.player import Role
from tests.conftest import Api
from tests.security.callers import open_caller

PATH = "/api/v1/admin"
THRESHOLDS = {"flag": 0.5, "hold": 0.7, "suspend": 0.95}


@dataclass
class Declares:
    """A caller of the admin's endpoints."""

    client: httpx.AsyncClient
    headers: dict[str, str] = field(default_factory=dict)

    async def put(self, what: str, body: dict[str, Any], **query: Any) -> httpx.Response:
        return await self.client.put(f"{PATH}/{what}", json=body, params=query or None, headers=self.headers)

    async def get(self, what: str, **query: Any) -> httpx.Response:
        return await self.client.get(f"{PATH}/{what}", params=query or None, headers=self.headers)

    async def delete(self, what: str, **query: Any) -> httpx.Response:
        return await self.client.delete(f"{PATH}/{what}", params=query or None, headers=self.headers)

    async def seen(self, what: str, **query: Any) -> dict[str, Any]:
        reply = await self.get(what, **query)
        assert reply.status_code == 200, reply.text
        shown: dict[str, Any] = reply.json()
        return shown

    async def must(self, what: str, body: dict[str, Any], **query: Any) -> dict[str, Any]:
        """Declare it; the reply."""
        reply = await self.put(what, body, **query)
        assert reply.status_code in (200, 201), reply.text
        done: dict[str, Any] = reply.json()
        return done

    async def retire(self, what: str, **query: Any) -> dict[str, Any]:
        reply = await self.delete(what, **query)
        assert reply.status_code == 200, reply.text
        done: dict[str, Any] = reply.json()
        return done


async def declares(api: Api, role: Role = Role.ADMIN) -> Declares:
    opened = await open_caller(api.platform, api.wiring.tokens, role)
    return Declares(api.client, opened.headers)


def managed(uid: str, generation: int = 1, name: str = "default/x") -> dict[str, Any]:
    """What a resource says of itself."""
    return {"managed_by": {"uid": uid, "name": name, "generation": generation}}


def problem(reply: httpx.Response) -> tuple[int, str, str | None, list[str]]:
    """Status, code, reason and pointers of a refusal."""
    body = reply.json()
    return reply.status_code, body["code"], body.get("reason"), [fault["pointer"] for fault in body.get("errors") or []]

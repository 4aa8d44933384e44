"""The API server as whoever owns resources uses it: apply, change, annotate, delete, and look at what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2 as httpx

from scoreboard_operator.resources import GROUP, VERSION
from tests.stage import until

Document = dict[str, Any]
PLURALS = {
    "Board": "boards",
    "ActionKind": "actionkinds",
    "AntiCheatPolicy": "anticheatpolicies",
    "Season": "seasons",
}
MERGE = {"Content-Type": "application/merge-patch+json"}


@dataclass
class ClusterClient:
    """One namespace of an API server."""

    http: httpx.AsyncClient
    namespace: str
    made: list[tuple[str, str]] = field(default_factory=list)

    def path(self, kind: str, name: str = "") -> str:
        base = f"/apis/{GROUP}/{VERSION}/namespaces/{self.namespace}/{PLURALS[kind]}"
        return f"{base}/{name}" if name else base

    async def create(self, kind: str, name: str, annotations: Mapping[str, str] | None = None, **spec: Any) -> Document:
        meta = {"name": name, "namespace": self.namespace, "annotations": dict(annotations or {})}
        document = {"apiVersion": f"{GROUP}/{VERSION}", "kind": kind, "metadata": meta, "spec": spec}
        reply = await self.http.post(self.path(kind), json=document)
        assert reply.status_code in (200, 201), reply.text
        made: Document = reply.json()
        self.made.append((kind, name))
        return made

    async def change(self, kind: str, name: str, **spec: Any) -> None:
        await self._patch(kind, name, {"spec": spec})

    async def annotate(self, kind: str, name: str, **annotations: str | None) -> None:
        named = {f"scoreboard.dev/{key}": value for key, value in annotations.items()}
        await self._patch(kind, name, {"metadata": {"annotations": named}})

    async def _patch(self, kind: str, name: str, patch: Document) -> None:
        reply = await self.http.patch(self.path(kind, name), json=patch, headers=MERGE)
        assert reply.status_code == 200, reply.text

    async def delete(self, kind: str, name: str) -> None:
        reply = await self.http.delete(self.path(kind, name))
        assert reply.status_code in (200, 202), reply.text

    async def clear(self) -> None:
        """Delete what tests have made and left."""
        left = [each for each in dict.fromkeys(reversed(self.made)) if await self.get(*each) is not None]
        for kind, name in left:
            await self.delete(kind, name)
        for kind, name in left:
            await self.gone(kind, name)
        self.made.clear()

    async def get(self, kind: str, name: str) -> Document | None:
        reply = await self.http.get(self.path(kind, name))
        if reply.status_code == 404:
            return None
        assert reply.status_code == 200, reply.text
        found: Document = reply.json()
        return found

    async def status(self, kind: str, name: str) -> Document:
        found = await self.get(kind, name)
        assert found is not None
        status: Document = found.get("status") or {}
        return status

    async def conditions(self, kind: str, name: str) -> dict[str, Document]:
        return {each["type"]: each for each in (await self.status(kind, name)).get("conditions", ())}

    async def stands(self, kind: str, name: str, within: float = 60.0, **wanted: str) -> dict[str, Document]:
        """Wait until conditions have these values, spoken of the resource's present generation; all conditions."""
        last: dict[str, Document] = {}

        async def true() -> bool:
            document = await self.get(kind, name)
            assert document is not None
            status = document.get("status") or {}
            last.clear()
            last.update({each["type"]: each for each in status.get("conditions", ())})
            # What is applied while it is paused is observed by that condition alone.
            spoken = last.get("Paused", {}) if wanted.get("Paused") == "True" else status
            return spoken.get("observedGeneration") == document["metadata"]["generation"] and all(
                name in last and last[name]["status"] == value for name, value in wanted.items()
            )

        try:
            await until(true, within=within, every=0.05, what=f"{kind} {name} with {wanted}")
        except AssertionError as error:
            raise AssertionError(f"{error}; last: {last}") from None
        return dict(last)

    async def gone(self, kind: str, name: str, within: float = 60.0) -> None:
        async def absent() -> bool:
            return await self.get(kind, name) is None

        await until(absent, within=within, every=0.05, what=f"{kind} {name} being gone")

    async def events(self, name: str) -> list[tuple[str, str]]:
        """Type and reason of the events about a resource, in their order."""
        reply = await self.http.get(f"/api/v1/namespaces/{self.namespace}/events")
        about = [each for each in reply.json()["items"] if each["involvedObject"]["name"] == name]
        about.sort(key=lambda each: int(each["metadata"]["resourceVersion"]))
        return [(each["type"], each["reason"]) for each in about]

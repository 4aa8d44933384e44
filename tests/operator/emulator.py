"""An API server's part of the contract for custom resources, on kmock, with what kmock leaves out and kopf relies on.

Added here: uid, resourceVersion, generation, the status as a subresource of its own, 422 for a JSON patch whose test
fails. Still not here, and shown by a real API server only: schema, defaults and CEL, authentication and RBAC (what was
asked for is noted instead, and held against the rendered Role), bookmarks, watches that end by their timeout, what was
deleted between a list and its watch, 410 Gone, and that a write which changes nothing makes no event.
"""

import asyncio
import itertools
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import aiohttp.web
import attrs
import jsonpatch
import kmock

from scoreboard_operator.resources import GROUP, KINDS, VERSION
from tests.charts.documents import documents

VERBS = ["get", "list", "watch", "create", "patch", "update", "delete"]
Document = dict[str, Any]
# What a request does, in the words of RBAC.
RBAC = {
    kmock.action.LIST: "list",
    kmock.action.WATCH: "watch",
    kmock.action.FETCH: "get",
    kmock.action.CREATE: "create",
    kmock.action.UPDATE: "patch",
    kmock.action.DELETE: "delete",
}


@attrs.define(kw_only=True)
class Emulator(kmock.KubernetesEmulator):
    """The API server."""

    refuses_status: bool = False
    refused: int = 0
    asked: set[tuple[str, str, str]] = attrs.field(factory=set)
    scopes: set[tuple[str, str | None]] = attrs.field(factory=set)
    _versions: Iterator[int] = attrs.field(factory=lambda: itertools.count(1))
    _writing: asyncio.Lock = attrs.field(factory=asyncio.Lock)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self.declare_core()

    def declare_core(self) -> None:
        """What every API server has."""
        self.resources["apiextensions.k8s.io/v1/customresourcedefinitions"] = _known("CustomResourceDefinition", False)
        self.resources["v1/namespaces"] = _known("Namespace", False)
        self.resources["v1/events"] = _known("Event", True)

    def define(self) -> None:
        """Install the chart scoreboard-crds."""
        kinds = {each["spec"]["names"]["plural"]: each["spec"]["names"] for each in documents("crds")}
        for kind in KINDS:
            names = kinds[kind.plural]
            known = _known(names["kind"], True)
            self.resources[f"{GROUP}/{VERSION}/{kind.plural}"] = {**known, "subresources": ["status"]}

    async def _handle(self, request: Any) -> aiohttp.web.StreamResponse:
        self._note(request)
        if request.resource is None or request.action not in (
            kmock.action.CREATE,
            kmock.action.UPDATE,
            kmock.action.DELETE,
        ):
            return await super()._handle(request)
        if self.refuses_status and request.subresource == "status":
            self.refused += 1
            raise kmock.KubernetesError(status=500, reason="InternalError", message="as the test wants it")
        async with self._writing:
            self._complete(request)
            try:
                return await super()._handle(request)
            except jsonpatch.JsonPatchTestFailed as error:
                raise kmock.KubernetesError(status=422, reason="Invalid", message=str(error)) from error

    async def _serve_list(self, request: Any) -> Any:
        listed = await super()._serve_list(request)
        return {**listed, "metadata": {"resourceVersion": self._next()}}

    async def _serve_watch(self, request: Any) -> Any:
        """What was listed before is not told again, as kopf would act on it twice."""
        since = int(request.params.get("resourceVersion", "0"))
        async for event in super()._serve_watch(request):
            if not isinstance(event, dict) or int(event["object"]["metadata"]["resourceVersion"]) > since:
                yield event

    def _note(self, request: Any) -> None:
        """Whom the operator is as RBAC sees it: it names itself in its requests, tests do not."""
        resource = request.resource
        if (
            resource is None
            or not resource.plural
            or "scoreboard-operator" not in request.headers.get("User-Agent", "")
        ):
            return
        what = resource.plural + (f"/{request.subresource}" if request.subresource else "")
        self.asked.add((resource.group, what, RBAC[request.action]))
        self.scopes.add((what, request.namespace))

    def _complete(self, request: Any) -> None:
        """Fill in what an API server fills in, and leave out what it leaves out."""
        data = request.data
        if request.action == kmock.action.CREATE:
            meta = data.setdefault("metadata", {})
            meta.setdefault("namespace", request.namespace)
            if "generateName" in meta:
                meta.setdefault("name", f"{meta['generateName']}{uuid.uuid4().hex[:10]}")
            meta |= {"uid": str(uuid.uuid4()), "resourceVersion": self._next(), "generation": 1}
            meta.setdefault("creationTimestamp", "2026-01-01T00:00:00Z")
            if request.resource.group == GROUP:
                data.pop("status", None)
            return
        key = (request.resource, request.namespace, request.name)
        stored = self._objects[key] if key in self._objects and not self._objects[key].deleted else None
        if stored is None:
            return
        generation = stored["metadata"]["generation"]
        if request.action == kmock.action.DELETE:
            if not stored["metadata"].get("deletionTimestamp"):
                stored.patch({"metadata": {"resourceVersion": self._next(), "generation": generation + 1}})
        elif isinstance(data, list):
            self._complete_json_patch(data, request.subresource, generation)
        else:
            self._complete_merge_patch(data, request.subresource, stored, generation)

    def _complete_json_patch(self, operations: list[Document], subresource: str | None, generation: int) -> None:
        kept = [each for each in operations if _belongs(each["path"].split("/")[1], subresource)]
        written = [each for each in kept if each["op"] != "test"]
        touched = any(each["path"].startswith("/spec") for each in written)
        operations[:] = kept
        operations.append({"op": "add", "path": "/metadata/resourceVersion", "value": self._next()})
        if touched:
            operations.append({"op": "add", "path": "/metadata/generation", "value": generation + 1})

    def _complete_merge_patch(
        self, patch: Document, subresource: str | None, stored: Mapping[str, Any], generation: int
    ) -> None:
        for part in [part for part in patch if not _belongs(part, subresource)]:
            del patch[part]
        meta = patch.setdefault("metadata", {})
        meta["resourceVersion"] = self._next()
        if "spec" in patch:
            meta["generation"] = generation + 1

    def _next(self) -> str:
        return str(next(self._versions))


def _known(kind: str, namespaced: bool) -> Document:
    return {"kind": kind, "singular": kind.lower(), "namespaced": namespaced, "verbs": VERBS}


def _belongs(part: str, subresource: str | None) -> bool:
    return part in ("status", "metadata") if subresource == "status" else part != "status"

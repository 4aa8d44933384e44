"""Gives every file of the page a name with a hash of its content, so that browsers may keep it for ever.

``pages`` builds one ``AssetLibrary`` when the process starts. References between files (imports in modules, ``url()``
in style sheets) are written relative and rewritten here to the hashed names, leaves first, so a file's hash changes
when anything that it leads to changes.
"""

import gzip
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

MEDIA_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
COMPRESSED = frozenset({".js", ".css", ".svg"})
REFERENCES = {
    ".js": re.compile(r"""(?P<before>\b(?:from|import)\s*)(?P<quote>["'])(?P<path>\.{1,2}/[^"']+)(?P=quote)"""),
    ".css": re.compile(r"""(?P<before>url\()(?P<quote>["'])(?P<path>\.{1,2}/[^"']+)(?P=quote)"""),
}
SOURCE_MAP = re.compile(r"^(?://|/\*)# sourceMappingURL=.*$", re.MULTILINE)
HASH_LENGTH = 12


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is sent. ``zipped`` is None where compression would not pay."""

    name: str
    body: bytes
    zipped: bytes | None
    media_type: str
    etag: str


class AssetLibrary:
    """All assets of the page, by source name (``main.js``) and by hashed name (``main.3f2a….js``)."""

    def __init__(self, *folders: Path) -> None:
        """Read, rewrite and hash every file with a known type in ``folders``.

        Raises:
            ValueError: two files share a name, a reference leads nowhere, or references form a ring.
        """
        self._sources: dict[str, Path] = {}
        for path in sorted(path for folder in folders for path in folder.iterdir() if path.suffix in MEDIA_TYPES):
            if path.name in self._sources:
                raise ValueError(f"two page assets are called {path.name}")
            self._sources[path.name] = path
        self._by_source: dict[str, Asset] = {}
        self._references: dict[str, set[str]] = {name: set() for name in self._sources}
        for name in self._sources:
            self._publish(name, ())
        self._by_name = {asset.name: asset for asset in self._by_source.values()}

    def url(self, source: str) -> str:
        """The public path of the file written as ``source``. Raises KeyError when there is none."""
        return f"/assets/{self._by_source[source].name}"

    def find(self, hashed_name: str) -> Asset | None:
        """The asset published under ``hashed_name``, if any."""
        return self._by_name.get(hashed_name)

    def names(self, suffix: str) -> list[str]:
        """Source names that end in ``suffix``, sorted."""
        return sorted(name for name in self._by_source if name.endswith(suffix))

    def leads_to(self, source: str) -> list[str]:
        """Source names of everything that ``source`` refers to, directly or through others, sorted."""
        found: set[str] = set()
        waiting = [source]
        while waiting:
            fresh = self._references[waiting.pop()] - found
            found |= fresh
            waiting += fresh
        return sorted(found)

    def _publish(self, name: str, chain: tuple[str, ...]) -> Asset:
        if name in self._by_source:
            return self._by_source[name]
        if name in chain:
            raise ValueError(f"page assets lead to each other in a ring: {' > '.join((*chain, name))}")
        path = self._sources[name]
        body = self._rewritten(path, (*chain, name))
        digest = hashlib.sha256(body).hexdigest()[:HASH_LENGTH]
        asset = Asset(
            name=f"{path.stem}.{digest}{path.suffix}",
            body=body,
            zipped=gzip.compress(body, 9, mtime=0) if path.suffix in COMPRESSED else None,
            media_type=MEDIA_TYPES[path.suffix],
            etag=digest,
        )
        self._by_source[name] = asset
        return asset

    def _rewritten(self, path: Path, chain: tuple[str, ...]) -> bytes:
        pattern = REFERENCES.get(path.suffix)
        if pattern is None:
            return path.read_bytes()

        def hashed(match: re.Match[str]) -> str:
            target = (path.parent / match["path"]).resolve()
            if self._sources.get(target.name) != target:
                raise ValueError(f"{path.name} refers to {match['path']}, which is no page asset")
            self._references[path.name].add(target.name)
            return f"{match['before']}{match['quote']}./{self._publish(target.name, chain).name}{match['quote']}"

        # Source maps are not served; without this line the browser's tools would ask for them.
        return SOURCE_MAP.sub("", pattern.sub(hashed, path.read_text("utf-8"))).encode()

"""Writes what the platform is made of as CycloneDX JSON. Called by ``make security``; the argument is the file.

The Python part comes from the environment, with versions, licences and the graph between them. The pages' vendored
files, of which no Python tool knows, come from their README. The result names registries: an artefact, never committed.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

VENDORED = Path("services/api/scoreboard_api/page/vendor/README.md")
_ROW = re.compile(
    r"^\| `(?P<file>[^`]+)` \| npm `(?P<name>[^`]+)` \| (?P<version>[^ ]+) \| .* \| `(?P<sha>[0-9a-f]{64})` \|$",
    re.MULTILINE,
)


def vendored(text: str) -> list[dict[str, Any]]:
    """The components of the pages, one for each file, as CycloneDX has them."""
    return [
        {
            "type": "library",
            "bom-ref": f"vendored-{row['file']}",
            "name": row["name"],
            "version": row["version"],
            "purl": f"pkg:npm/{row['name'].replace('@', '%40')}@{row['version']}",
            "hashes": [{"alg": "SHA-256", "content": row["sha"]}],
            "properties": [{"name": "scoreboard:file", "value": row["file"]}],
        }
        for row in _ROW.finditer(text)
    ]


def main(target: Path) -> None:
    """Write the document."""
    target.parent.mkdir(parents=True, exist_ok=True)
    here = Path(sys.executable)
    tool = [str(here.parent / "cyclonedx-py"), "environment", "--pyproject", "pyproject.toml", "--output-reproducible"]
    subprocess.run([*tool, "--output-file", str(target), str(here)], check=True)
    document = json.loads(target.read_text("utf-8"))
    document["components"] += vendored(VENDORED.read_text("utf-8"))
    target.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    print(f"{target}: {len(document['components'])} components")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

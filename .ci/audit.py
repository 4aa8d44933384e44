"""Are there known holes in what the lock pins? Called by ``make security``.

pip-audit without its feed says either "nothing found" or "not found", by its options. So a pin that is known to be bad
is asked for first: only a feed that knows it can be believed about the rest. Where there is none, that is printed.
"""

import json
import subprocess
import sys
import tempfile
import tomllib
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from scoreboard.telemetry import utc_now

LOCK = Path("requirements.lock")
IGNORED = Path(".ci/audit-ignore.toml")
KNOWN_BAD = "jinja2==2.4.1"  # CVE-2014-0012 and others
PATIENCE = 50  # seconds for one run
LONGEST = timedelta(days=183)
_TOOL = [str(Path(sys.executable).parent / "pip-audit"), "--strict", "--disable-pip", "--timeout", "10"]


def ignored(text: str, today: date) -> list[str]:
    """The ids that need not be reported.

    Args:
        text: the ignore list.
        today: entries up to this day count.

    Raises:
        ValueError: an entry lacks something, is past its date or runs for too long.
    """
    ids = []
    for entry in tomllib.loads(text).get("ignored", []):
        if set(entry) != {"id", "package", "until", "reason"} or len(entry["reason"]) < 20:
            raise ValueError(f"{IGNORED}: an entry has id, package, until and a reason that says something: {entry}")
        if not today <= entry["until"] <= today + LONGEST:
            raise ValueError(f"{IGNORED}: {entry['id']} is past its date or runs for more than half a year")
        ids.append(entry["id"])
    return ids


def why_no_feed(output: str, errors: str) -> str | None:
    """Why the feed cannot be believed; None when it knew the pin that is known to be bad."""
    try:
        found: dict[str, Any] = json.loads(output)
    except ValueError:
        lines = [line for line in errors.splitlines() if line.strip()]
        return lines[-1].strip() if lines else "no answer"
    if any(package.get("vulns") for package in found.get("dependencies", [])):
        return None
    return f"it does not know that {KNOWN_BAD} has holes"


def probe() -> str | None:
    """Ask for the pin that is known to be bad; why the feed cannot be believed, or None."""
    with tempfile.TemporaryDirectory() as folder:
        pins = Path(folder) / "pins.txt"
        pins.write_text(f"{KNOWN_BAD}\n")
        command = [*_TOOL, "--no-deps", "--format", "json", "--requirement", str(pins)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
        except subprocess.TimeoutExpired:
            return f"no answer within {PATIENCE} seconds"
    return why_no_feed(done.stdout, done.stderr)


def main() -> int:
    """Audit the lock; the exit status."""
    known = ignored(IGNORED.read_text("utf-8"), utc_now().date())
    reason = probe()
    if reason is not None:
        print(f"SKIPPED: the lock was not audited, because the feed of advisories cannot be asked here: {reason}")
        return 0
    ignoring = [part for each in known for part in ("--ignore-vuln", each)]
    command = [*_TOOL, "--require-hashes", "--requirement", str(LOCK), *ignoring]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())

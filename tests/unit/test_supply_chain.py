"""What we are made of: every pin with its hashes, no address of a registry, no key in the tree, dated exceptions."""

import importlib.util
import json
import re
import subprocess
from datetime import date
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "requirements.lock").read_text("utf-8")
TODAY = date(2026, 11, 21)
# Put together here, so that this file does not hold what it looks for.
REGISTRIES = re.compile(r"\b(?:py" r"pi\.(?:org|python)|pythonhosted\.org|registry\.npm" r"js\.org|npm" r"mirror\.com)")
SECRETS = {
    "a private key": re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE" r" KEY-----\s+[A-Za-z0-9+/=]{16}"),
    "a cloud key": re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    "a forge token": re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|glpat-[A-Za-z0-9_-]{20})\b"),
    "a signed token": re.compile(r"\beyJ[A-Za-z0-9_-]{20,}\.eyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}"),
    "a chat hook": re.compile(r"hooks\.slack\.com/services/T[A-Z0-9]+/"),
}


def loaded(name: str) -> ModuleType:
    """A script of ``.ci``, which is no package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / ".ci" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def texts() -> dict[str, str]:
    """Every file of the tree that is text, by its path."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    found = {}
    for name in listed:
        path = ROOT / name
        if path.is_file() and path.suffix not in (".png", ".woff2", ".skops", ".npz") and "/vendor/" not in name:
            found[name] = path.read_text("utf-8")
    assert len(found) > 100
    return found


def test_every_pin_is_exact_and_has_its_hashes() -> None:
    blocks = re.split(r"\n(?=[A-Za-z0-9])", LOCK)
    pins = 0
    for block in blocks:
        first = block.splitlines()[0]
        assert re.match(r"[A-Za-z0-9._-]+(?:\[[a-z0-9,]+\])?==[^ ;]+", first), first
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", block), first
        assert "--hash=md5" not in block
        pins += 1
    assert pins > 100
    assert not re.search(r"^(?:-|git\+|https?:)|@ ", LOCK, re.MULTILINE), "an option, an address or a direct reference"


def test_no_file_names_a_registry() -> None:
    for name, text in texts().items():
        assert not REGISTRIES.search(text), name
    for folder in ("tests/contract/node", "tests/charts/node", "benchmarks/node"):
        text = (ROOT / folder / "package-lock.json").read_text("utf-8")
        assert "://" not in text, "an address; npm writes funding pages too: take them out"
        node = json.loads(text)
        for name, package in node["packages"].items():
            assert "resolved" not in package, name
            assert not name or package["integrity"].startswith("sha512-"), name


def test_no_file_holds_a_secret() -> None:
    for name, text in texts().items():
        for what, pattern in SECRETS.items():
            assert not pattern.search(text), f"{name} holds {what}"


@pytest.mark.parametrize("what", SECRETS)
def test_a_secret_would_be_seen(what: str) -> None:
    begin = "-----BEGIN EC PRIVATE" + " KEY-----"
    part = "eyJ" + "a" * 30
    examples = {
        "a private key": f"{begin}\n{'A' * 64}\n",
        "a cloud key": "AKIA" + "A" * 16,
        "a forge token": "ghp_" + "a" * 36,
        "a signed token": f"{part}.{part}.{'b' * 43}",
        "a chat hook": "hooks.slack.com" + "/services/T0123/B0/x",
    }
    assert SECRETS[what].search(examples[what])


def entry(**changes: str) -> str:
    fields = {
        "id": '"GHSA-1"',
        "package": '"x"',
        "until": "2026-12-31",
        "reason": '"only reached with an option that we never set"',
    }
    lines = [f"{name} = {value}" for name, value in (fields | changes).items() if value]
    return "\n".join(["[[ignored]]", *lines])


def test_an_advisory_is_ignored_for_a_reason_and_a_while() -> None:
    audit = loaded("audit")
    assert audit.ignored(entry(), TODAY) == ["GHSA-1"]
    assert audit.ignored("", TODAY) == []
    bad = [{"reason": ""}, {"reason": '"no"'}, {"until": "2026-11-20"}, {"until": "2027-11-20"}, {"package": ""}]
    for changes in bad:
        with pytest.raises(ValueError, match="audit-ignore"):
            audit.ignored(entry(**changes), TODAY)


def test_a_feed_that_knows_nothing_is_not_believed() -> None:
    audit = loaded("audit")
    holes = {"dependencies": [{"name": "jinja2", "version": "2.4.1", "vulns": [{"id": "PYSEC-1"}]}]}
    nothing = {"dependencies": [{"name": "jinja2", "version": "2.4.1", "vulns": []}]}
    assert audit.why_no_feed(json.dumps(holes), "") is None
    assert "does not know" in audit.why_no_feed(json.dumps(nothing), "")
    assert audit.why_no_feed("", "WARNING: x\nERROR: no route\n") == "ERROR: no route"
    assert audit.why_no_feed("", "") == "no answer"


def test_what_the_pages_bring_along_is_in_the_inventory() -> None:
    sbom = loaded("sbom")
    listed = sbom.vendored((ROOT / sbom.VENDORED).read_text("utf-8"))
    files = {path.name for path in (ROOT / sbom.VENDORED).parent.rglob("*") if path.suffix in (".js", ".css", ".woff2")}
    assert {Path(each["properties"][0]["value"]).name for each in listed} == files
    assert "pkg:npm/%40fontsource-variable/inter@" in str(listed)


def test_continuous_integration_looks_for_holes() -> None:
    steps = (ROOT / ".ci/run").read_text("utf-8")
    assert steps.index("make lint") < steps.index("make security") < steps.index("make test")
    ignored = subprocess.run(["git", "check-ignore", "-q", "dist/sbom.cdx.json"], cwd=ROOT, check=False)
    assert ignored.returncode == 0, "the inventory names registries and is never committed"

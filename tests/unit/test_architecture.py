"""ARCHITECTURE.md is held against the tree, both ways."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "ARCHITECTURE.md").read_text()
UNLISTED_PARENTS = {"src", "services", "docs"}


def section(title: str) -> str:
    return TEXT.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


def table(title: str) -> list[list[str]]:
    lines = [line for line in section(title).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def tracked() -> list[str]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [line for line in listed.stdout.splitlines() if (ROOT / line).exists()]


def test_every_listed_folder_exists_and_every_folder_is_listed() -> None:
    listed = {row[0].strip("`") for row in table("Folders")}
    assert all((ROOT / folder).is_dir() for folder in listed)
    top = {path.split("/", 1)[0] for path in tracked() if "/" in path}
    services = {"/".join(path.split("/")[:2]) for path in tracked() if path.startswith("services/")}
    inner = [path for path in tracked() if path.startswith("src/scoreboard/") and path.count("/") > 2]
    core = {"/".join(path.split("/")[:3]) for path in inner}
    commands = {"src/scoreboard_cli"}
    there = (top - {"src", "services"}) | services | core | commands
    assert there <= listed, f"not in ARCHITECTURE.md: {sorted(there - listed)}"


def test_every_file_of_the_map_exists() -> None:
    named = set(re.findall(r"`((?:src|services|tests)/[^`]+\.py)`", TEXT))
    missing = [path for path in named if not (ROOT / path).is_file()]
    assert not missing


def test_every_use_case_and_loop_is_on_the_map() -> None:
    mapped = " ".join(row[1] for row in table("From the blueprints' boxes to files"))
    use_cases = [path for path in tracked() if re.fullmatch(r"src/scoreboard/usecases/[a-z_]+\.py", path)]
    lost = [path for path in use_cases if path not in mapped and not path.endswith("__init__.py")]
    assert not lost, f"no box leads to: {lost}"


def test_decisions_are_listed_and_name_files_that_exist() -> None:
    folder = ROOT / "docs" / "adr"
    index = (folder / "README.md").read_text()
    for record in sorted(folder.glob("[0-9]*.md")):
        assert f"({record.name})" in index
        text = record.read_text()
        assert len(text.splitlines()) <= 60
        for path in re.findall(r"`((?:src|services|tests)/[^`\s]+\.py)`", text):
            assert (ROOT / path).is_file(), f"{record.name} names {path}"

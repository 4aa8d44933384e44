"""``scoreboard policy``: from which suspicion on a player is flagged, held or suspended, and for which kinds."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from scoreboard.domain.events import Verdict
from scoreboard.domain.policy import AtDeadline, Mode
from scoreboard_cli.commands import DATA_FOLDER, Data, on_platform
from scoreboard_cli.failures import ExpectedError

if TYPE_CHECKING:
    from scoreboard.domain.policy import AntiCheatPolicy, Policies
    from scoreboard.usecases.platform import Platform

app = typer.Typer(help="Anti-cheat policies: what suspicion leads to.", no_args_is_help=True)


@app.command()
def show(data: Data = DATA_FOLDER) -> None:
    """Show every policy, and the one that counts where none was declared."""
    from rich.console import Console
    from rich.table import Table

    policies = on_platform(data, "policy", lambda platform: platform.catalog.policy_choice())
    table = Table("policy", "kinds", "mode", "flag", "hold", "suspend", "half-life", "review within", "at the deadline")
    for policy in _all(policies):
        kinds = ", ".join(policy.kinds) or "all others"
        table.add_row(
            *(policy.key, kinds, str(policy.mode), *_thresholds(policy)),
            *(f"{policy.half_life_s:g} s", f"{policy.review_s / 3600:g} h", str(policy.at_deadline)),
        )
    Console().print(table)


def _all(policies: "Policies") -> list["AntiCheatPolicy"]:
    return [*policies.declared.values(), policies.fallback]


def _thresholds(policy: "AntiCheatPolicy") -> list[str]:
    return ["never" if at >= 1 else f"{at:g}" for at in (policy.flag, policy.hold, policy.suspend)]


@app.command("set")
def set_policy(
    key: Annotated[str, typer.Argument(help="Name of the policy; a new one begins with the defaults.")],
    kind: Annotated[
        list[str] | None, typer.Option("--kind", help="Kind it is for, as often as needed; none: all others.")
    ] = None,
    mode: Annotated[Mode | None, typer.Option(help="shadow notes what it would do and does nothing.")] = None,
    flag: Annotated[float | None, typer.Option(help="Suspicion 0..1 from which a person looks; 1: never.")] = None,
    hold: Annotated[float | None, typer.Option(help="From which points wait for a person; 1: never.")] = None,
    suspend: Annotated[float | None, typer.Option(help="From which the account is suspended; 1: never.")] = None,
    half_life: Annotated[float | None, typer.Option(help="Seconds in which suspicion halves.")] = None,
    suspension_hours: Annotated[float | None, typer.Option(help="How long a suspension lasts.")] = None,
    per_hour: Annotated[int | None, typer.Option(help="Most suspensions that nobody decided, each hour.")] = None,
    review_hours: Annotated[float | None, typer.Option(help="Until a case is overdue.")] = None,
    at_deadline: Annotated[AtDeadline | None, typer.Option(help="What becomes of held points then.")] = None,
    model: Annotated[Verdict | None, typer.Option(help="The gravest verdict that the model may cause.")] = None,
    data: Data = DATA_FOLDER,
) -> None:
    """Declare a policy, or change what is named of one. Every version is kept and audited."""
    given = {
        "kinds": None if kind is None else tuple(kind),
        "mode": mode,
        "flag": flag,
        "hold": hold,
        "suspend": suspend,
        "half_life_s": half_life,
        "suspension_s": None if suspension_hours is None else suspension_hours * 3600,
        "suspensions_per_hour": per_hour,
        "review_s": None if review_hours is None else review_hours * 3600,
        "at_deadline": at_deadline,
        "model": model,
    }
    changes = {name: value for name, value in given.items() if value is not None}
    try:
        changed = on_platform(data, "policy", lambda platform: _declare(platform, key, changes))
    except ValueError as error:
        raise ExpectedError(f"This policy cannot be: {error}.") from error
    typer.echo(f"Policy {key} counts from now on." if changed else f"Policy {key} says so already.")


async def _declare(platform: "Platform", key: str, changes: Mapping[str, object]) -> int:
    from dataclasses import replace

    from scoreboard.domain.policy import AntiCheatPolicy
    from scoreboard.usecases.configure import configure

    known = (await platform.catalog.policies()).get(key) or AntiCheatPolicy(key)
    policy = replace(known, **changes)  # type: ignore[arg-type]
    unknown = set(policy.kinds) - set(await platform.catalog.kinds(policy.kinds))
    if unknown:
        raise ExpectedError(f"There is no action kind named {', '.join(sorted(unknown))}.")
    return await configure(platform, [], [], policies=[policy], managed_by="command line")

"""``scoreboard models``: which models there are, what each may do, and the switch."""

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scoreboard_cli.commands import DATA_FOLDER, Data, on_platform
from scoreboard_cli.failures import ExpectedError

if TYPE_CHECKING:
    from scoreboard.domain.model import Lineup, RegisteredModel
    from scoreboard.usecases.platform import Platform

app = typer.Typer(help="The anti-cheat's models: what each may do.", no_args_is_help=True)
ModelId = Annotated[str, typer.Argument(help="The model's id; its beginning is enough.")]
_SHOWN = 10


@app.callback()
def models() -> None:
    """The anti-cheat's models: what each may do."""


@app.command("list")
def list_models(data: Data = DATA_FOLDER) -> None:
    """Show every model: its stage, since when, and which one is asked."""
    from rich.console import Console
    from rich.table import Table

    from scoreboard.domain.model import line_up

    registered, on = on_platform(data, "models", _registered)
    lineup = line_up(registered)
    marks = {model.id: mark for mark, model in _places(lineup) if model is not None}
    table = Table("model", "stage", "since (UTC)", "made by", "")
    for model in registered:
        since = f"{model.stage_since:%Y-%m-%d %H:%M}"
        table.add_row(model.id, str(model.stage), since, model.created_by, marks.get(model.id, ""))
    Console().print(table)
    if not on:
        typer.echo("The switch is off: no model is asked. Turn it on with: scoreboard models on")


@app.command()
def show(model: ModelId, data: Data = DATA_FOLDER) -> None:
    """Show what a model is: how it was trained, what it reached, and what speaks against its next step."""
    from scoreboard.usecases.promote_model import weigh_promotion

    found = _named(on_platform(data, "models", _registered)[0], model)
    typer.echo(f"{found.id}: {found.stage} since {found.stage_since:%Y-%m-%d %H:%M} UTC, made by {found.created_by}")
    for title in ("trained", "metrics", "libraries"):
        for line in _lines(found.sidecar.get(title, {}), title):
            typer.echo(line)
    stage, against = on_platform(data, "models", lambda platform: weigh_promotion(platform, found.id))
    if stage is None:
        typer.echo("There is no further stage for it.")
    elif against:
        typer.echo(f"It may not become {stage} yet:")
        for objection in against:
            typer.echo(f"  {objection}")
    else:
        typer.echo(f"It may become {stage}: scoreboard models promote {found.id}")


@app.command()
def add(
    folder: Annotated[Path, typer.Argument(help="Folder that `scoreboard train` wrote.")], data: Data = DATA_FOLDER
) -> None:
    """Sign a trained model with the platform's key and register it as a candidate."""
    from scoreboard_anticheat_ml.artefact import ArtefactRefused, read_folder
    from scoreboard_anticheat_ml.registering import register_trained

    try:
        artefact = read_folder(folder)
        added = on_platform(data, "models", lambda platform: register_trained(platform, artefact, by=_who()))
    except ArtefactRefused as error:
        raise ExpectedError(str(error), "Train it with: scoreboard train") from error
    typer.echo(f"{artefact.model_id} is a candidate now." if added else f"{artefact.model_id} is registered already.")


@app.command()
def promote(
    model: ModelId,
    despite: Annotated[str, typer.Option(help="Go on despite the gate's objections; the reason is recorded.")] = "",
    data: Data = DATA_FOLDER,
) -> None:
    """Let a model do more, one stage at a time: candidate, shadow, canary (flags), hold, suspend."""
    from scoreboard.domain.model import ModelStage
    from scoreboard.usecases.promote_model import promote_model

    found = _named(on_platform(data, "models", _registered)[0], model)
    if found.stage is ModelStage.CANDIDATE:
        _verify(data, found.id)
    stage = on_platform(data, "models", lambda platform: promote_model(platform, found.id, by=_who(), despite=despite))
    typer.echo(f"{found.id} is {stage} now.")


@app.command()
def rollback(data: Data = DATA_FOLDER) -> None:
    """Take the model in use back; the one before it goes on within a second."""
    from scoreboard.usecases.roll_back_model import roll_back_model

    retired, after = on_platform(data, "models", lambda platform: roll_back_model(platform, by=_who()))
    then = (
        "No model is in use now." if after.current is None else f"{after.current.id} ({after.current.stage}) goes on."
    )
    typer.echo(f"{retired} is retired. {then}")


@app.command()
def off(data: Data = DATA_FOLDER) -> None:
    """Ask no model any more, within a second. What is played meanwhile is not judged later."""
    _switch(data, on=False)


@app.command()
def on(data: Data = DATA_FOLDER) -> None:
    """Ask models again."""
    _switch(data, on=True)


def _switch(data: Path, *, on: bool) -> None:
    from scoreboard.usecases.switch_models import switch_models

    changed = on_platform(data, "models", lambda platform: switch_models(platform, on=on, by=_who()))
    state = "asked" if on else "not asked any more"
    typer.echo(f"Models are {state}." if changed else f"The switch was {'on' if on else 'off'} already.")


async def _registered(platform: "Platform") -> "tuple[list[RegisteredModel], bool]":
    from scoreboard.storage import models as rows

    found = await platform.database.transact(rows.listed)
    return found, await platform.database.transact(rows.is_on)


def _verify(data: Path, model_id: str) -> None:
    """A candidate that cannot be loaded is refused here, not in the middle of the night. Raises ExpectedError."""
    from scoreboard_anticheat_ml.artefact import ArtefactRefused
    from scoreboard_anticheat_ml.registering import verify_registered

    try:
        on_platform(data, "models", lambda platform: verify_registered(platform, model_id))
    except ArtefactRefused as error:
        raise ExpectedError(str(error), "It stays a candidate, and the model in use goes on.") from error


def _named(registered: "list[RegisteredModel]", wanted: str) -> "RegisteredModel":
    found = [model for model in registered if model.id.startswith(wanted)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise ExpectedError(f"There is no model {wanted}.", "scoreboard models list shows them.")
    raise ExpectedError(f"{len(found)} models begin with {wanted}.", "Give more of the id.")


def _places(lineup: "Lineup") -> "list[tuple[str, RegisteredModel | None]]":
    return [
        ("asked", lineup.current),
        ("asked beside it, does nothing", lineup.candidate),
        ("next after a rollback", lineup.previous),
    ]


def _lines(value: Any, name: str, depth: int = 0) -> list[str]:
    indent = "  " * depth
    if isinstance(value, dict):
        shown = [line for key, each in list(value.items())[:_SHOWN] for line in _lines(each, key, depth + 1)]
        more = [f"{indent}  …"] if len(value) > _SHOWN else []
        return [f"{indent}{name}:", *shown, *more] if value else []
    shown_value = f"{value:.4g}" if isinstance(value, float) else str(value)[:80]
    return [f"{indent}{name}: {shown_value}"]


def _who() -> str:
    """Who sits at the command line, for the audit log."""
    try:
        return f"command line ({getpass.getuser()})"
    except (OSError, KeyError):
        return "command line"

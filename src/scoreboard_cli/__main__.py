"""The ``scoreboard`` command. Modules that take long to import are imported by the command that needs them."""

from pathlib import Path
from typing import Annotated

import typer

from scoreboard_cli import (
    analytics_commands,
    audit_commands,
    commands,
    ledger_commands,
    model_commands,
    policy_commands,
)
from scoreboard_cli.check_command import check
from scoreboard_cli.demo_command import demo
from scoreboard_cli.failures import run_command
from scoreboard_cli.training.command import train

app = typer.Typer(
    help="A live, cheat-resistant scoreboard on your own machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command()
def up(
    data: Annotated[Path, typer.Option(help="Folder for data, keys and logs.")] = commands.DATA_FOLDER,
    host: Annotated[str, typer.Option(help="Address on which API and realtime listen.")] = "127.0.0.1",
    api_port: Annotated[int, typer.Option(min=1, max=65535, help="Port of API and pages.")] = 8000,
    realtime_port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the live connections.")] = 8001,
    metrics_port: Annotated[int, typer.Option(min=1, max=65532, help="First of four ports for metrics.")] = 9100,
    no_seed: Annotated[bool, typer.Option("--no-seed", help="Make no demo boards.")] = False,
    with_demo: Annotated[bool, typer.Option("--demo", help="Let simulated players play at once.")] = False,
    rate: Annotated[float | None, typer.Option(min=0.1, help="With --demo: times faster than by nature.")] = None,
) -> None:
    """Start everything: stores, schema, API, realtime, worker and anti-cheat. Ctrl-C stops it."""
    from rich.console import Console

    from scoreboard_cli.up import UpOptions, run_up

    options = UpOptions(data, host, api_port, realtime_port, metrics_port, not no_seed, with_demo, rate)
    run_up(options, Console(highlight=False))


app.command()(commands.migrate)
app.command()(commands.rebuild)
app.command()(check)
app.command("create-admin")(commands.create_admin)
app.command("create-service")(commands.create_service)
app.command()(commands.role)
app.command()(commands.status)
app.command()(demo)
app.command()(train)
app.add_typer(analytics_commands.app, name="analytics")
app.add_typer(audit_commands.app, name="audit")
app.add_typer(ledger_commands.app, name="ledger")
app.add_typer(model_commands.app, name="models")
app.add_typer(policy_commands.app, name="policy")


def main() -> None:
    """Run the command line."""
    run_command(app)


if __name__ == "__main__":
    main()

"""``python -m scoreboard_realtime``: can be ended from its first moment on, while it still imports."""

from scoreboard.early_exit import end_at_once_on_sigterm


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    end_at_once_on_sigterm()
    from scoreboard_realtime.process import run_process

    run_process()


if __name__ == "__main__":
    main()

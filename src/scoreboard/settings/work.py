"""How work is done: writes, reads, live connections, what goes on without a request."""

from pydantic import BaseModel, Field


class Work(BaseModel):
    """Write path, reads, realtime, worker."""

    # Write path
    flush_items: int = Field(200, ge=1, le=1000, description="items of one transaction")
    flush_in_flight: int = Field(2, ge=1, le=4, description="one is decided while the other commits")
    flush_crowd: int = Field(
        1, ge=1, description="waiting items that are saved beside a batch under way; fewer share the next one"
    )
    flush_patience: float = Field(
        0.05, gt=0, description="seconds that they wait for it at most: it may be held up by a locked row"
    )
    flush_overlap: float = Field(
        1.0, gt=0, description="seconds; batches that take longer take turns, or they wait for each other's rows"
    )
    queue_bound: int = Field(2000, ge=1, description="waiting items; more are answered 503 at once")
    overload_delay: float = Field(
        0.1,
        gt=0,
        description="a delay that stands this long refuses readers without a name; twice, what begins something; three"
        " times, completions. Nobody minds a tenth of a second, and beside that delay nothing is refused for load",
    )
    request_deadline: float = Field(8.0, gt=0, description="above statement_timeout; then 504, outcome unknown")
    transaction_tries: int = Field(3, ge=1, le=10)
    idempotency_ttl: int = Field(86400, ge=60)
    action_token_ttl: int = Field(600, ge=1, description="an action kind may set its own")
    catalog_ttl: float = Field(2.0, gt=0, description="boards and kinds are re-read after this, or on an event")
    catalog_wait: float = Field(
        1.0, gt=0, description="a Postgres that has not told them by then hangs: what is known of them goes on"
    )

    # Reads
    pending_wait: float = Field(
        1.0, gt=0, description="an own place waits this long for what Postgres knows of held points, then it has none"
    )
    l1_ttl: float = Field(0.25, ge=0)
    l2_ttl: int = Field(60, ge=1)
    anonymous_reads: bool = Field(True, description="public boards can be read and watched without a token")

    # Realtime
    tick: float = Field(0.1, gt=0, description="at most one frame per room in this time")
    heartbeat: float = Field(25.0, gt=0)
    auth_timeout: float = Field(5.0, gt=0)
    inactive_after: float = Field(300.0, gt=0)
    inactive_close_after: float = Field(900.0, gt=0, description="counted from becoming inactive")
    inactive_tick: float = Field(1.0, gt=0)
    registry_ttl: int = Field(
        10, ge=3, description="a process that says nothing for so long is dead, and its connections count no more"
    )
    socket_payload: int = Field(8 * 1024, ge=512)
    socket_rate: float = Field(10, gt=0)
    socket_burst: int = Field(20, ge=1)
    sockets_per_player: int = Field(5, ge=1)
    sockets_per_address: int = Field(20, ge=1)
    sockets_per_pod: int = Field(6000, ge=1)
    backlog_skip: int = Field(32 * 1024, ge=1024, description="bytes waiting in a socket before ticks are skipped")
    backlog_close: int = Field(256 * 1024, ge=1024)
    stale_close_after: float = Field(10.0, gt=0)
    personal_queue: int = Field(64, ge=1)
    replay_window: float = Field(120.0, gt=0)
    polling: bool = Field(True, description="Socket.IO long polling; off behind several replicas without stickiness")
    drain_seconds: float = Field(20.0, ge=0)

    # Worker
    sweep_every: float = Field(0.5, gt=0)
    sweep_after: float = Field(2.0, gt=0, description="younger outbox rows belong to the process that wrote them")
    stream_length: int = Field(1_000_000, ge=1000)
    job_tries: int = Field(5, ge=1)
    job_backoff: float = Field(0.5, gt=0, description="doubles with every try")
    job_lease: float = Field(30.0, gt=0)
    season_check_every: float = Field(1.0, gt=0)
    season_close_grace: float = Field(2.0, ge=0, description="lets writers with a slow clock finish")
    audit_every: float = Field(5.0, gt=0)
    audit_sample: int = Field(200, ge=1)
    seal_every: float = Field(60.0, gt=0, description="between two looks whether a day of the audit log is over")
    season_root_look_every: float = Field(2.0, gt=0, description="between two looks for seasons whose root is due")
    season_root_every: float = Field(
        86400, gt=0, description="a running season is signed this often: what is older cannot be altered unseen"
    )
    rollup_every: float = Field(5.0, gt=0)
    rollup_entries: int = Field(
        2000, ge=1, le=20_000, description="ledger entries counted in one transaction: far below statement_timeout"
    )
    rollup_settle: float = Field(
        15.0, ge=0, description="attempts are counted this long after they began: what was begun then has committed"
    )
    activity_minutes_kept: int = Field(
        31, ge=2, le=3650, description="days; analytics by the hour and by the day are kept for ever"
    )
    activity_spans: int = Field(
        1500, ge=60, le=20_000, description="minutes, hours or days of one reply of the analytics: a day of minutes"
    )

    abandoned_actions_kept: int = Field(
        86400, ge=3600, description="an attempt that was never completed can be looked at this long, then it is deleted"
    )

    # Status page
    vitals_every: float = Field(5.0, ge=0.1, description="between two times that a process tells how it does")
    vitals_slot: int = Field(15, ge=1, le=60, description="a point of the status page's plots: 240 of them in an hour")
    vitals_kept: int = Field(
        3600, ge=300, le=3600, description="what the status page plots; its objectives look at an hour"
    )

"""The anti-cheat: thresholds, its model, the review of cases, corrections."""

from typing import Literal, Self

from pydantic import BaseModel, Field, model_validator


class Anticheat(BaseModel):
    """Thresholds, the model, review, corrections."""

    # Anti-cheat
    anticheat_mode: Literal["shadow", "enforce"] = Field(
        "enforce", description="shadow: notes what it would do and does nothing; a declared policy has its own mode"
    )
    suspicion_flag: float = Field(0.5, gt=0, le=1, description="two strong signals; points count, a person looks at it")
    suspicion_hold: float = Field(0.7, gt=0, le=1, description="four strong signals; no weak one leads here by itself")
    suspicion_suspend: float = Field(0.95, gt=0, le=1, description="blueprint 5's critical threshold; 1: never")
    suspicion_half_life: float = Field(600.0, gt=0, description="without new signals suspicion halves in this time")
    automatic_suspension_hours: float = Field(24.0, gt=0, description="by then a person has decided")
    automatic_suspensions_per_hour: int = Field(20, ge=0, description="a fault of ours shall not empty the boards")

    address_window: float = Field(2.0, gt=0, le=60, description="players of one address count as together within it")
    address_memory: int = Field(4096, ge=16, description="addresses remembered for that, each with its newest players")
    held_actions_limit: int = Field(
        2000,
        ge=1,
        description="held actions of a player, then completions are refused: hours of play, and a decision about all of"
        " them stays one short transaction",
    )
    held_counted: int = Field(
        1000,
        ge=1,
        description="held actions of a player that are read to tell the provisional rank; with more there is none, as"
        " every completion of that player would read them all",
    )

    # The anti-cheat's model (a service of its own)
    model_enabled: bool = Field(True, description="off: this process asks no model, whatever the registry says")
    model_gravest: Literal["allow", "flag", "hold", "suspend"] = Field(
        "suspend", description="the gravest verdict that a model may cause; its stage decides, and it begins in shadow"
    )
    model_gather: float = Field(0.2, gt=0, le=1, description="completions of this time are scored together")
    model_idle: float = Field(0.5, gt=0, le=1, description="the ledger is looked at this often when nothing is heard")
    model_batch: int = Field(2000, ge=10, le=2000, description="ledger entries at once while a backlog is caught up")
    model_players: int = Field(10_000, ge=2000, description="kept in memory, 9 KiB each; others are read again")
    model_first_look: int = Field(
        100_000, ge=0, description="a model that never ran begins so many ledger entries back, not with all history"
    )
    model_repeat: float = Field(
        600.0, gt=0, description="the same verdict about the same player is told to reviewers once in this time"
    )
    model_synchrony_window: float = Field(600.0, gt=0, description="accounts that act together are sought in this time")
    model_synchrony_events: int = Field(20_000, ge=1000, description="and in so many completions at most")
    model_synchrony_every: float = Field(5.0, gt=0, description="between two searches, which look at everybody")
    model_report_every: float = Field(10.0, gt=0, description="between two reports on the model's health")
    model_canary_every: float = Field(3600.0, gt=0, description="windows with known scores must come out the same")
    model_shadow_days: float = Field(7.0, ge=0, description="in shadow before a model may flag")
    model_canary_days: float = Field(7.0, ge=0, description="only flagging before it may hold, and holding to suspend")
    model_windows_kept_days: float = Field(
        90.0, gt=0, description="windows that led to nothing are looked at this long, then deleted"
    )
    model_labels_days: float = Field(30.0, gt=0, description="reviewers' decisions of this time speak about a model")

    # Review
    review_lease_s: float = Field(900.0, gt=0, description="a moderator has a claimed case alone for so long")
    review_cleared_days: float = Field(
        30.0, ge=0, description="signals that a person found harmless bring a player up again only after this"
    )
    review_hours: float = Field(24.0, gt=0, description="until a case is overdue")
    review_deadline: Literal["release", "keep"] = Field(
        "release", description="what becomes of held points nobody decided about: in doubt they count"
    )
    review_retry_s: float = Field(
        300.0, ge=0, description="until an overdue case that could not be released is tried again; others go first"
    )
    review_look_every: float = Field(5.0, gt=0, description="between two looks for overdue cases and at the stakes")
    reports_per_day: int = Field(20, ge=1, description="of one player about others; more is a quarrel, not a report")

    # Amendments and corrections
    amendment_chunk: int = Field(1000, ge=1, le=10_000, description="actions of one statement; all share a transaction")
    amendment_rebuild_above: int = Field(
        2000, ge=1, description="changed totals of a season; more would keep Redis from everybody for 50 ms and longer"
    )
    correction_actions_limit: int = Field(
        20_000, ge=1, description="actions of one correction: completions wait for its last step, below lock_timeout"
    )
    correction_changes_shown: int = Field(
        100, ge=1, le=1000, description="players of a board season named in a preview; more fill no screen"
    )

    @model_validator(mode="after")
    def _check_thresholds(self) -> Self:
        if not self.suspicion_flag <= self.suspicion_hold <= self.suspicion_suspend:
            raise ValueError("the order suspicion_flag <= suspicion_hold <= suspicion_suspend must hold")
        return self

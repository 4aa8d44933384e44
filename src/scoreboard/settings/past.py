"""Past boards, and boards that are frozen."""

from pydantic import BaseModel, Field


class Past(BaseModel):
    """Snapshots, reads of past boards, freezes."""

    past_reads_at_once: int = Field(
        2, ge=1, le=64, description="of one process: a past board sorts a season, and other reads need connections too"
    )
    snapshot_entries: int = Field(
        100_000, ge=1000, description="of a season between two snapshots: a past board is folded within half a second"
    )
    snapshot_check_every: float = Field(30.0, gt=0, description="between two looks whether snapshots are due")
    freeze_check_every: float = Field(0.5, gt=0, description="between two looks for what freezes or is revealed")
    freeze_prepare: float = Field(
        120.0, ge=0, description="so long before a freeze a snapshot is taken, so that little is left to fold then"
    )
    freeze_grace: float = Field(
        1.0, ge=0.1, description="after the moment: by then who dated an action before it shows in Postgres"
    )
    frozen_board_ttl: int = Field(
        86400, ge=60, description="what is frozen is forgotten by Redis after this, and built again while it is needed"
    )

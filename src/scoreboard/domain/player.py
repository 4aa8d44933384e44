"""Players: who may sign in, what they may do, and how names are told apart."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from scoreboard.domain.errors import ErrorCode, Refusal

USERNAME_MIN = 2
USERNAME_MAX = 32
# Letters and marks that are drawn as nothing: fillers, joiners, variation selectors, the empty Braille cell.
_INVISIBLE = frozenset(
    map(
        chr,
        [
            *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0),
            *range(0x180B, 0x1810),
            *range(0xFE00, 0xFE10),
            *range(0xE0100, 0xE01F0),
        ],
    )
)
APPEAL = "You can appeal with your name and your password, or through your identity provider."
"""What somebody is told who is kept out; the API takes it at ``/api/v1/appeals``."""
_ALIKE = frozenset({"LATIN", "GREEK", "CYRILLIC"})


class Role(StrEnum):
    """What a caller may do. ``service`` completes actions for players, ``platform-config`` is the operator."""

    PLAYER = "player"
    MODERATOR = "moderator"
    ADMIN = "admin"
    SERVICE = "service"
    PLATFORM_CONFIG = "platform-config"


class PlayerStatus(StrEnum):
    """Only active players are ranked; hidden ones may play on without being seen."""

    ACTIVE = "active"
    HIDDEN = "hidden"
    SUSPENDED = "suspended"
    BANNED = "banned"
    ERASED = "erased"


@dataclass(frozen=True, slots=True)
class Player:
    """An account. The e-mail address and the password hash never leave the storage layer with it.

    ``protected``: of public interest, so that two people have to agree before a review changes anything.
    """

    id: UUID
    username: str
    role: Role
    status: PlayerStatus
    suspended_until: datetime | None
    created_at: datetime
    updated_at: datetime
    protected: bool = False


def fold_username(username: str) -> str:
    """The form in which names are compared: NFKC, then case-folded, so that look-alikes of case collide."""
    folded = unicodedata.normalize("NFKC", username).casefold()
    return unicodedata.normalize("NFKC", folded).casefold()  # folding can leave what normalising would change again


def username_fault(username: str) -> str | None:
    """Why a name cannot be used, in words for the player; None when it can.

    Letters, marks, digits, symbols and single inner spaces of any script are welcome. What lets one name imitate
    another is not: control, format (bidirectional overrides, zero-width), private and invisible characters, and
    a mixture of the alphabets that share their shapes.
    """
    if unicodedata.normalize("NFC", username) != username:
        return "Use the composed form (NFC) of accented letters."
    if not USERNAME_MIN <= len(username) <= USERNAME_MAX:
        return f"A username has {USERNAME_MIN} to {USERNAME_MAX} characters."
    if username != username.strip() or "  " in username:
        return "Spaces may only stand singly between other characters."
    for character in username:
        category = unicodedata.category(character)
        if category in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") or (category == "Zs" and character != " "):
            return "A username cannot contain control or invisible characters."
        if character in _INVISIBLE:
            return "A username cannot contain control or invisible characters."
    if unicodedata.category(username[0]).startswith("M"):
        return "A username cannot begin with a mark that belongs on a letter."
    alphabets = {unicodedata.name(character, "").partition(" ")[0] for character in fold_username(username)}
    if len(alphabets & _ALIKE) > 1:
        return "A username cannot mix Latin, Greek and Cyrillic letters."
    return None


def require_playing(player: Player, now: datetime) -> None:
    """Let only players act whose account is in order.

    Raises:
        Refusal: ACCOUNT_BANNED or ACCOUNT_SUSPENDED (with the time left, where it ends).
    """
    if player.status is PlayerStatus.BANNED or player.status is PlayerStatus.ERASED:
        raise Refusal(ErrorCode.ACCOUNT_BANNED, f"This account is closed. {APPEAL}")
    if player.status is PlayerStatus.SUSPENDED:
        if player.suspended_until is None:
            words = f"This account is suspended until a moderator has looked at it. {APPEAL}"
            raise Refusal(ErrorCode.ACCOUNT_SUSPENDED, words)
        left = (player.suspended_until - now).total_seconds()
        if left > 0:
            raise Refusal(ErrorCode.ACCOUNT_SUSPENDED, f"This account is suspended for the time being. {APPEAL}", left)

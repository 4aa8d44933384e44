"""What each error means, in plain words: what happened, and what to do. For the pages about errors and for the docs."""

from dataclasses import dataclass
from enum import StrEnum

from scoreboard.domain.errors import ErrorCode


class Retry(StrEnum):
    """What becomes of the same request when it is sent again."""

    NO = "no"
    CORRECTED = "once the request is corrected"
    LATER = "after `Retry-After`"
    SAME_KEY = "with the same `Idempotency-Key`"
    SIGNED_IN = "with a new access token"
    SIGNED_ANEW = "signed anew"


@dataclass(frozen=True, slots=True)
class ProblemText:
    """One error explained to the person who writes a client.

    Args:
        happened: why the server refused, and whether anything was changed.
        remedy: what the client, or its user, does next.
        retry: what becomes of the same request when it is sent again.
    """

    happened: str
    remedy: str
    retry: Retry


_KEEP_THE_KEY = "Repeat the same request with the same `Idempotency-Key`: it counts once, however often it arrives."
_LOG_IN_AGAIN = "Send the player to the log-in. Repeating the request with the same token never helps."
_WAIT = "Wait for the number of seconds in `Retry-After`, then send the request again."
_NEW_ACTION = "Begin a new action."

TEXTS: dict[ErrorCode, ProblemText] = {
    ErrorCode.VALIDATION_ERROR: ProblemText(
        "Something in the request cannot be read, is missing, is out of its range, or is a field that this address "
        "does not know. Nothing was changed.",
        "Look at `errors` in the reply: each entry points to a place in the request and says what is wrong there. "
        "Correct the request; repeating it unchanged gives the same answer.",
        Retry.CORRECTED,
    ),
    ErrorCode.IDEMPOTENCY_KEY_MISSING: ProblemText(
        "This request may change a lot at once, so it is only taken with a key that makes repetitions harmless.",
        "Make a random key, for example a UUID, send it in the header `Idempotency-Key`, and keep it for repetitions.",
        Retry.CORRECTED,
    ),
    ErrorCode.UNAUTHENTICATED: ProblemText(
        "The request carries no access token, or not in the form `Authorization: Bearer <token>`.",
        "Log in, then send the access token with the request.",
        Retry.SIGNED_IN,
    ),
    ErrorCode.INVALID_TOKEN: ProblemText(
        "A token in the request is not one of ours, was altered, or belongs to something else: an access token, a "
        "refresh token, the token of an action, or that of an identity provider.",
        "Make sure that the token arrives complete and unchanged. For an access token, refresh the session or log in "
        "again; for an action token, begin a new action; a token of an identity provider is sent to `/auth/session`.",
        Retry.SIGNED_IN,
    ),
    ErrorCode.TOKEN_EXPIRED: ProblemText(
        "The token was good, but its time is over. Access tokens live for a few minutes only.",
        "Exchange the refresh token for a new access token, then send the request again. When the refresh token has "
        "expired too, the player logs in again.",
        Retry.SIGNED_IN,
    ),
    ErrorCode.TOKEN_REVOKED: ProblemText(
        "The session was ended: the player logged out, here or everywhere, changed the password, was given another "
        "role, or a moderator ended it.",
        _LOG_IN_AGAIN,
        Retry.SIGNED_IN,
    ),
    ErrorCode.INVALID_CREDENTIALS: ProblemText(
        "There is no account with this name and password. Which of the two is wrong is not told to anybody.",
        "Check the spelling and try again. After a few failures the log-in pauses for a while.",
        Retry.CORRECTED,
    ),
    ErrorCode.REFRESH_REUSED: ProblemText(
        "A refresh token works once, and this one was used before. Somebody may have copied it, so the whole session "
        "was ended.",
        "The player logs in again. A client that sees this often refreshes twice at the same time: let one refresh "
        "finish, and keep the newest token.",
        Retry.NO,
    ),
    ErrorCode.STALE_REQUEST: ProblemText(
        "The signature of the request is too old, or its time lies in the future. Signed requests are accepted for a "
        "short time only.",
        "Set the clock of the device by `server_time` in the reply, sign the request anew, and send it at once.",
        Retry.SIGNED_ANEW,
    ),
    ErrorCode.REPLAY_ATTACK: ProblemText(
        "A signed request with this nonce has arrived before. It was not carried out a second time.",
        "Make a new random nonce for every request that is sent, repetitions included. The `Idempotency-Key` stays the "
        "same for a repetition.",
        Retry.SIGNED_ANEW,
    ),
    ErrorCode.INVALID_SIGNATURE: ProblemText(
        "The signature of the request does not fit it, was made with another key, or is missing where it is required; "
        "or the action token was not issued here.",
        "Sign exactly the bytes that are sent, with the signing key of the current session; after a new log-in that is "
        "a new key. Send action tokens unchanged.",
        Retry.SIGNED_ANEW,
    ),
    ErrorCode.FORBIDDEN: ProblemText(
        "The account is known, but its role, or the way in which it signs in, does not allow this.",
        "Read `detail` in the reply. Use an account with the role that the API reference names, or ask an "
        "administrator for it.",
        Retry.NO,
    ),
    ErrorCode.UNAUTHORIZED: ProblemText(
        "The action was begun by another player. Only the one who began it can complete it.",
        "Complete the action with the access token of the player who began it, or begin one of your own.",
        Retry.NO,
    ),
    ErrorCode.TOKEN_ALREADY_USED: ProblemText(
        "The action was completed by a different request: with other points, or in another season. It counted once, as "
        "that request said.",
        _NEW_ACTION,
        Retry.NO,
    ),
    ErrorCode.SUSPICIOUS_ACTIVITY: ProblemText(
        "The result does not look like play by a person, so it was not counted. A moderator can see it.",
        "Players who were wronged turn to the operator of this scoreboard with the `request_id` of the reply.",
        Retry.NO,
    ),
    ErrorCode.ACCOUNT_SUSPENDED: ProblemText(
        "The account is suspended for a time, or until a moderator has looked at it. It can neither log in nor score.",
        "Wait until the suspension ends, or appeal: `POST /api/v1/appeals` takes your words with name and password, or"
        " with a token of your identity provider.",
        Retry.LATER,
    ),
    ErrorCode.ACCOUNT_BANNED: ProblemText(
        "A moderator has closed the account.",
        "Appeal, once: `POST /api/v1/appeals` takes your words with name and password, or with a token of your identity"
        " provider. Somebody looks at it again.",
        Retry.NO,
    ),
    ErrorCode.TASK_NOT_FOUND: ProblemText(
        "There is no action with this id, or it is not yours.",
        _NEW_ACTION,
        Retry.NO,
    ),
    ErrorCode.NOT_FOUND: ProblemText(
        "There is nothing at this address: a board, season, player, job or kind of action that does not exist, or "
        "does not exist for you. For `/me` on a board it means that the player has no score there yet.",
        "Check the address. Lists such as `/api/v1/boards` and `/api/v1/action-kinds` say what there is.",
        Retry.NO,
    ),
    ErrorCode.METHOD_NOT_ALLOWED: ProblemText(
        "The address exists, but it does not answer to this method.",
        "Use one of the methods in the reply's header `Allow`.",
        Retry.CORRECTED,
    ),
    ErrorCode.ALREADY_COMPLETED: ProblemText(
        "This action was completed before, and it counted then. It was not counted again.",
        "Take the outcome from `result` in the reply; it is the recorded one. There is nothing to repeat.",
        Retry.NO,
    ),
    ErrorCode.IDEMPOTENCY_KEY_IN_FLIGHT: ProblemText(
        "A request with this `Idempotency-Key` is being carried out at this moment.",
        "Wait a moment and repeat it with the same key: the reply is then that of the first request.",
        Retry.SAME_KEY,
    ),
    ErrorCode.CONFLICT: ProblemText(
        "The request does not fit the present state: a name that is taken, a season that is not open, a kind of action "
        "that is switched off or has to be begun first. Nothing was changed.",
        "Read `detail` in the reply and the present state, then send a new request. For a taken name, choose another.",
        Retry.NO,
    ),
    ErrorCode.PAYLOAD_TOO_LARGE: ProblemText(
        "The body is larger than this address accepts. It was not read.",
        "Send less at once; split a batch into several.",
        Retry.CORRECTED,
    ),
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: ProblemText(
        "The body is not announced as JSON, the only form that is read here.",
        "Send JSON with the header `Content-Type: application/json`.",
        Retry.CORRECTED,
    ),
    ErrorCode.ACTION_EXPIRED: ProblemText(
        "The action was completed after its time had run out. It was not counted.",
        "Begin a new action and complete it before its `expires_at`.",
        Retry.NO,
    ),
    ErrorCode.ACTION_TOO_EARLY: ProblemText(
        "The action was completed sooner than is possible. It is still open and was not counted.",
        "Wait for the rest of its `min_duration_s`, see `Retry-After`, then complete it with the same token.",
        Retry.LATER,
    ),
    ErrorCode.INVALID_SCORE: ProblemText(
        "The points lie outside what this kind of action can bring or the board can hold, are missing, or are given "
        "for a kind whose points the server decides. Nothing was counted.",
        "Read `min_points` and `max_points` of the kind at `/api/v1/action-kinds`, and report points within them. Send "
        "none for a kind with fixed points.",
        Retry.CORRECTED,
    ),
    ErrorCode.IDEMPOTENCY_KEY_REUSED: ProblemText(
        "This `Idempotency-Key` was used before for a different request. Neither was mixed with the other.",
        "Use a new key for each new intention, and the same key only for exact repetitions.",
        Retry.CORRECTED,
    ),
    ErrorCode.TOO_MANY_REQUESTS: ProblemText(
        "More requests came from this address, or to this server, than it takes in this time.",
        _WAIT,
        Retry.LATER,
    ),
    ErrorCode.USER_RATE_LIMIT: ProblemText(
        "This player sends more requests than are allowed in this time. Nothing was counted.",
        _WAIT,
        Retry.LATER,
    ),
    ErrorCode.ACTION_LIMIT: ProblemText(
        "The player has used up the attempts at this kind of action for now, or as many of the player's results wait"
        " for a moderator as can. Nothing was counted.",
        _WAIT,
        Retry.LATER,
    ),
    ErrorCode.COOLDOWN: ProblemText(
        "This kind of action needs a rest between two times, and the last one is too recent. Nothing was counted.",
        "Wait for the number of seconds in `Retry-After`, then begin again. Show the player the time that is left.",
        Retry.LATER,
    ),
    ErrorCode.INTERNAL_ERROR: ProblemText(
        "Something broke on our side. It was noted, together with the `request_id` of the reply.",
        f"{_KEEP_THE_KEY} If it goes on, tell the operator the `request_id`.",
        Retry.SAME_KEY,
    ),
    ErrorCode.DEPENDENCY_UNAVAILABLE: ProblemText(
        "The database, or for a log-in the identity provider, cannot be reached at this moment. It is not certain "
        "whether the request was carried out.",
        f"{_WAIT} {_KEEP_THE_KEY}",
        Retry.SAME_KEY,
    ),
    ErrorCode.OVERLOADED: ProblemText(
        "More work is waiting than can be done soon, so the request was turned away at once. Nothing was changed.",
        f"{_WAIT} {_KEEP_THE_KEY}",
        Retry.LATER,
    ),
    ErrorCode.DRAINING: ProblemText(
        "This server is restarting and takes no new requests. Nothing was changed.",
        "Send the request again after a second; another server, or the restarted one, answers it.",
        Retry.LATER,
    ),
    ErrorCode.DEADLINE_EXCEEDED: ProblemText(
        "No answer was ready in time. It is not certain whether the request was carried out.",
        _KEEP_THE_KEY,
        Retry.SAME_KEY,
    ),
}

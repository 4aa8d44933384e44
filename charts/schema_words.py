"""The few forms that the schema of the values is made of."""

from typing import Any

Schema = dict[str, Any]

# Such a tag means something else every day. Written without look-ahead, which Helm's expressions do not know.
NOT_LATEST: Schema = {"not": {"const": "latest"}}
PINNED: Schema = {"pattern": "[:@][^/]+$", "not": {"pattern": ":latest$"}}


def text(description: str, **limits: Any) -> Schema:
    """A string."""
    return {"type": "string", "description": description, **limits}


def named(description: str, **limits: Any) -> Schema:
    """The name of a Kubernetes object that is there already; empty where there is none."""
    return text(description, pattern="^([a-z0-9]([a-z0-9.-]*[a-z0-9])?)?$", maxLength=253, **limits)


def number(description: str, **limits: Any) -> Schema:
    """A whole number."""
    return {"type": "integer", "description": description, **limits}


def flag(description: str) -> Schema:
    """Yes or no."""
    return {"type": "boolean", "description": description}


def one_of(description: str, *values: str) -> Schema:
    """One of these words."""
    return {"type": "string", "description": description, "enum": list(values)}


def listed(description: str, item: Schema) -> Schema:
    """A list of such items."""
    return {"type": "array", "description": description, "items": item}


def free(description: str) -> Schema:
    """A map with keys of the user's own and texts as values."""
    return {"type": "object", "description": description, "additionalProperties": {"type": "string"}}


def objects(description: str) -> Schema:
    """A piece of a Kubernetes object, which Kubernetes itself checks."""
    return {"type": "object", "description": description}


def many(description: str, **properties: Schema) -> Schema:
    """An object with exactly these keys."""
    return {
        "type": "object",
        "description": description,
        "additionalProperties": False,
        "properties": properties,
    }

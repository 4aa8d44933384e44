"""Estimators as bytes: skops files that are the same for the same content, and that hold nothing but trees."""

import io
import json
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import numpy as np
import skops.io
from skops.io.exceptions import UntrustedTypesFoundException

# Trees of HistGradientBoosting and of IsolationForest. skops trusts neither by itself, since their node arrays are
# followed without bounds checks: only files whose signature was verified get here.
ALLOWED_TYPES = ("sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor", "sklearn.tree._tree.Tree")
_SCHEMA = "schema.json"
_DATED = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip file can say


class UnknownTypes(ValueError):
    """The file holds objects of types that no model of ours has."""


def dump(estimators: dict[str, Any]) -> bytes:
    """A skops file of scikit-learn objects.

    skops names its arrays by their addresses in memory and dates its entries, and the nodes of trees hold padding with
    whatever was in memory. All three are replaced, so that two trainings with one seed give one file.
    """
    with ZipFile(io.BytesIO(skops.io.dumps(estimators))) as source:
        schema = json.loads(source.read(_SCHEMA))
        names: dict[str, str] = {}
        _renumber(schema, {}, names)
        written = io.BytesIO()
        with ZipFile(written, "w", ZIP_DEFLATED) as target:
            for old, new in names.items():
                target.writestr(ZipInfo(new, _DATED), _without_padding(source.read(old)), ZIP_DEFLATED)
            target.writestr(ZipInfo(_SCHEMA, _DATED), json.dumps(schema, separators=(",", ":")), ZIP_DEFLATED)
    return written.getvalue()


def _renumber(node: Any, numbers: dict[int, int], names: dict[str, str]) -> None:
    """Number objects and their files in order of appearance, in place."""
    if isinstance(node, list):
        for child in node:
            _renumber(child, numbers, names)
    elif isinstance(node, dict):
        if "__id__" in node:
            node["__id__"] = numbers.setdefault(node["__id__"], len(numbers) + 1)
        if isinstance(node.get("file"), str):
            node["file"] = names.setdefault(node["file"], f"{len(names)}.npy")
        for child in node.values():
            _renumber(child, numbers, names)


def _without_padding(stored: bytes) -> bytes:
    array = np.load(io.BytesIO(stored), allow_pickle=False)
    if array.dtype.fields is None:
        return stored
    padding = np.ones(array.dtype.itemsize, bool)
    for kind, offset, *_ in array.dtype.fields.values():
        padding[offset : offset + kind.itemsize] = False
    written = bytearray(stored)
    items = np.frombuffer(written, np.uint8, offset=len(stored) - array.nbytes).reshape(-1, array.dtype.itemsize)
    items[:, padding] = 0
    return bytes(written)


def load(body: bytes) -> dict[str, Any]:
    """The objects of a skops file whose origin was verified.

    Raises:
        UnknownTypes: There is more in it than trees.
    """
    try:
        loaded: dict[str, Any] = skops.io.loads(body, trusted=list(ALLOWED_TYPES))
    except UntrustedTypesFoundException as error:
        raise UnknownTypes(str(error)) from error
    return loaded

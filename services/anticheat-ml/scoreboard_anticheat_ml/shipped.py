"""The model that is in the package, so that scoring works from the first minute: trained on simulated players."""

from pathlib import Path

from scoreboard_anticheat_ml.artefact import Artefact, Opened, open_pinned, read_folder

FOLDER = Path(__file__).with_name("default_model")
# Written by `make default-model`. Whoever could change this line could change all of the code: a signature by a key
# that is shipped beside it would add nothing.
DIGEST = "16c651603b528f341d7b4e486bf7cf971a03cbc1f66171a7f06e46411e8c4ffe"


def artefact() -> Artefact:
    """Its files, not checked yet. Raises ArtefactRefused when they cannot be read."""
    return read_folder(FOLDER)


def shipped() -> Opened:
    """Load it.

    Raises:
        ArtefactRefused: The files are not those that this version was released with, or fit no library here.
    """
    return open_pinned(artefact(), DIGEST)

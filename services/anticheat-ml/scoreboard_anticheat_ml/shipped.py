"""The model that is in the package, so that scoring works from the first minute: trained on simulated players."""

from pathlib import Path

from scoreboard_anticheat_ml.artefact import Artefact, Opened, open_pinned, read_folder

FOLDER = Path(__file__).with_name("default_model")
# Written by `make default-model`. Whoever could change this line could change all of the code: a signature by a key
# that is shipped beside it would add nothing.
DIGEST = "8c9d96b6b3284635ecf1548357669f78d605ef6a8ff048ce738ed8a4c00d288c"


def artefact() -> Artefact:
    """Its files, not checked yet. Raises ArtefactRefused when they cannot be read."""
    return read_folder(FOLDER)


def shipped() -> Opened:
    """Load it.

    Raises:
        ArtefactRefused: The files are not those that this version was released with, or fit no library here.
    """
    return open_pinned(artefact(), DIGEST)

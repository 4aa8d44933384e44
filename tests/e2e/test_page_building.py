"""How assets are put together: names that change with what they lead to, and what stops the start."""

from pathlib import Path

import pytest

from scoreboard_api.page import assets


def test_a_change_in_a_leaf_renames_everything_above_it(tmp_path: Path) -> None:
    def names(leaf: str) -> tuple[str, str]:
        (tmp_path / "top.js").write_text('import { x } from "./leaf.js";\n')
        (tmp_path / "leaf.js").write_text(leaf)
        library = assets.AssetLibrary(tmp_path)
        return library.url("top.js"), library.url("leaf.js")

    before, after = names("export const x = 1;\n"), names("export const x = 2;\n")
    assert before[0] != after[0]
    assert before[1] != after[1]


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ({"a.js": 'import "./b.js";', "b.js": 'import "./a.js";'}, "ring"),
        ({"a.js": 'import "./missing.js";'}, "no page asset"),
    ],
)
def test_assets_that_do_not_fit_stop_the_start(tmp_path: Path, files: dict[str, str], complaint: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=complaint):
        assets.AssetLibrary(tmp_path)

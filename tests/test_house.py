"""The layout of the README is the layout of the code: imports only go down it."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "colorflax"
INNER = "*/__init__.py"
ROOMS = [p.parent for p in PACKAGE.glob(f"**/{INNER}")]


def _readme_order() -> list[str]:
    """Rooms as the README's layout lists them, top first."""
    text = (ROOT / "README.md").read_text()
    block = re.search(r"```text\n(colorflax/\n.*?)```", text, re.DOTALL)
    assert block, "README.md has no ```text block that begins with colorflax/"
    return re.findall(r"^  (\w+)(?:\.py|/)", block[1], re.MULTILINE)


def _rooms() -> list[str]:
    files = [p.stem for p in PACKAGE.glob("*.py") if p.stem != "__init__"]
    folders = [p.parent.name for p in PACKAGE.glob(INNER)]
    return files + folders


def _imports(room: str) -> set[str]:
    return _names(PACKAGE / room, "colorflax") - {"__version__"}


def _names(place: Path, package: str) -> set[str]:
    """What a file or a folder imports of a package that it is in, but for itself."""
    files = place.glob("**/*.py") if place.is_dir() else [place.with_suffix(".py")]
    found = set()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == package:
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found |= _first(str(node.module), package)
            elif isinstance(node, ast.Import):
                found |= {n for a in node.names for n in _first(a.name, package)}
    return found - {place.name}


def _first(module: str, package: str) -> set[str]:
    inside = module.removeprefix(f"{package}.")
    return {inside.split(".")[0]} if inside != module else set()


def test_readme_lists_every_room() -> None:
    assert sorted(_readme_order()) == sorted(_rooms())


def test_imports_go_down() -> None:
    order = _readme_order()
    upward = [
        f"{room} imports {other}"
        for room in order
        for other in _imports(room)
        if order.index(other) <= order.index(room)
    ]
    assert not upward, upward


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_imports_go_down_in_a_room(room: Path) -> None:
    """Its first words say in which order: every file of it, the topmost first."""
    words = ast.get_docstring(ast.parse((room / "__init__.py").read_text()))
    listed = re.search(r"^Downwards: ([\w, \n]+)\.", words or "", re.MULTILINE)
    assert listed, f"{room} does not say in which order its files stand"
    order = re.split(r",\s+", listed[1])
    files = [p.stem for p in room.glob("*.py") if p.stem != "__init__"]
    assert sorted(order) == sorted(files + [p.parent.name for p in room.glob(INNER)])
    name = ".".join(room.relative_to(ROOT).parts)
    upward = [
        f"{file} imports {other}"
        for file in order
        for other in _names(room / file, name)
        if other in order and order.index(other) <= order.index(file)
    ]
    assert not upward, upward


def test_configs_import_nothing_of_ours() -> None:
    for file in (ROOT / "configs").glob("*.py"):
        assert "colorflax" not in re.findall(
            r"^(?:from|import) (\w+)", file.read_text(), re.M
        )


def test_one_room_per_outside_library() -> None:
    rooms = {
        "grain": {"data"},
        "array_record": {"data"},
        "tensorflow_datasets": {"data"},
        "orbax": {"checkpoint"},
        "keras": {"features"},
        "gradio": {"page"},
        "tensorboardX": {"training"},
        "av": {"footage"},
        "onnx": {"exported"},
        "onnxruntime": {"exported"},
    }
    for library, allowed in rooms.items():
        users = {
            file.relative_to(PACKAGE).parts[0].removesuffix(".py")
            for file in PACKAGE.glob("**/*.py")
            if re.search(rf"^\s*(?:from|import) {library}\b", file.read_text(), re.M)
        }
        assert users == allowed, (library, users)

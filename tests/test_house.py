"""The layout of the README is the layout of the code: imports only go down it."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "colorflax"


def _readme_order() -> list[str]:
    """Rooms as the README's layout lists them, top first."""
    text = (ROOT / "README.md").read_text()
    block = re.search(r"```text\n(colorflax/\n.*?)```", text, re.DOTALL)
    assert block, "README.md has no ```text block that begins with colorflax/"
    return re.findall(r"^  (\w+)(?:\.py|/)", block[1], re.MULTILINE)


def _rooms() -> list[str]:
    files = [p.stem for p in PACKAGE.glob("*.py") if p.stem != "__init__"]
    folders = [p.parent.name for p in PACKAGE.glob("*/__init__.py")]
    return files + folders


def _imports(room: str) -> set[str]:
    place = PACKAGE / room
    files = place.glob("**/*.py") if place.is_dir() else [PACKAGE / f"{room}.py"]
    found = set()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                parts = node.module.split(".")
                if parts == ["colorflax"]:
                    found |= {alias.name for alias in node.names}
                elif parts[0] == "colorflax":
                    found.add(parts[1])
            elif isinstance(node, ast.Import):
                names = [alias.name.split(".") for alias in node.names]
                found |= {n[1] for n in names if n[0] == "colorflax" and n[1:]}
    return found - {"__version__", room}


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
        "tensorboardX": {"writers"},
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

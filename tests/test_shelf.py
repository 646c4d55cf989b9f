"""Which photographs are kept in memory, and what becomes of the others."""

from pathlib import Path

import pytest
import runs
from PIL import Image

from colorflax import predict
from colorflax.control.order import Wish
from colorflax.errors import UserError
from colorflax.page.shelf import Shelf
from colorflax.page.sitting import COLOURS
from colorflax.workshop.studio import Studio


def test_those_used_last_are_kept(tmp_path: Path) -> None:
    studio = Studio(predict.load(runs.untrained(tmp_path / "run")), Wish())
    files = [tmp_path / f"{n}.png" for n in range(6)]
    for n, file in enumerate(files):
        Image.new("L", (20, 10 + n), 99).save(file)
    shelf = Shelf(studio, most_pixels=1e6)
    sittings = [shelf.take(file) for file in files[:4]]
    assert shelf.take(files[0]) is sittings[0]
    shelf.take(files[4])  # in the place of 1, and not of 0, which was used since
    assert shelf.take(files[0]) is sittings[0]
    assert shelf.take(files[3]) is sittings[3]
    again = shelf.take(files[1])
    assert again is not sittings[1]
    assert (again.show(COLOURS, Wish()) == sittings[1].show(COLOURS, Wish())).all()
    files[2].unlink()
    with pytest.raises(UserError, match=r"^2.png: no such file"):
        shelf.take(files[2])
    assert shelf.take(files[1]) is again

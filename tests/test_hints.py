"""Colours set by hand: they hold where they were set, and spread over what is alike."""

from pathlib import Path

import commands
import numpy as np
import pytest
import runs
from PIL import Image, ImageColor
from skimage import color as oracle

import colorflax
from colorflax.control import hints
from colorflax.control.order import Hint, hint, point
from colorflax.data import photographs
from colorflax.errors import UserError
from colorflax.picture import read

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return runs.untrained(tmp_path_factory.mktemp("run"))


def _least_squares(
    ab: np.ndarray, L: np.ndarray, cells: np.ndarray, colours: np.ndarray
) -> np.ndarray:
    """What `moved` minimises, as rows of one dense system."""
    h, w = L.shape
    number = np.arange(h * w).reshape(h, w)
    rows, wanted = [], []

    def ask(places: dict[int, float], value: np.ndarray, weight: float) -> None:
        row = np.zeros(h * w)
        for place, factor in places.items():
            row[place] = factor
        rows.append(weight**0.5 * row)
        wanted.append(weight**0.5 * np.broadcast_to(value, 2))

    for i in range(h):
        for j in range(w):
            ask({number[i, j]: 1.0}, np.zeros(2), 1 / (h * w))
            for di, dj in ((0, 1), (1, 0), (1, 1), (1, -1)):
                if i + di < h and 0 <= j + dj < w:
                    step = (L[i, j] - L[i + di, j + dj]) / hints._EDGE
                    tie = (np.exp(-(step**2) / 2) + hints._LEAST) / np.hypot(di, dj)
                    ask({number[i, j]: 1.0, number[i + di, j + dj]: -1.0}, 0.0, tie)
    for (i, j), colour in zip(cells, colours, strict=True):
        ask({number[i, j]: 1.0}, colour - ab[i, j], hints._FIRM)
    found, *_ = np.linalg.lstsq(np.array(rows), np.array(wanted), rcond=None)
    return ab + found.reshape(h, w, 2)


@pytest.mark.parametrize("n", [1, 4])
def test_it_is_the_least_squares_solution(n: int) -> None:
    L, ab = RNG.uniform(0, 100, (6, 7)), RNG.normal(0, 20, (6, 7, 2))
    cells = np.stack([RNG.integers(0, 6, n), RNG.integers(0, 7, n)], axis=1)
    colours = RNG.normal(0, 30, (n, 2))
    moved = hints.moved(ab, L, cells, colours)
    np.testing.assert_allclose(moved, _least_squares(ab, L, cells, colours), atol=1e-6)


def test_a_thing_is_coloured_and_the_one_beside_it_is_not() -> None:
    """A dark disc on a light ground, of which one point is said to be red."""
    y, x = np.mgrid[:40, :60]
    disc = (x - 30) ** 2 + (y - 20) ** 2 < 100
    L, ab = np.where(disc, 30.0, 80.0), np.full((40, 60, 2), 5.0)
    moved = hints.moved(ab, L, np.array([[20, 30]]), np.array([[50.0, 40.0]]))
    np.testing.assert_allclose(moved[20, 30], (50, 40), atol=0.1)
    share = (moved - ab)[..., 0] / 45
    assert share[disc].min() > 0.9
    assert share[~disc].max() < 0.1


def test_nothing_moves_where_the_network_was_right() -> None:
    L, ab = RNG.uniform(0, 100, (8, 9)), RNG.normal(0, 20, (8, 9, 2))
    cells = np.array([[0, 0], [7, 8]])
    np.testing.assert_allclose(
        hints.moved(ab, L, cells, ab[cells[:, 0], cells[:, 1]]), ab
    )


@pytest.mark.parametrize("saturation", [0.5, 1.5])
def test_the_colour_is_there(saturation: float) -> None:
    """In a photograph at its own size, to what lies within one pixel of the network."""
    photo = photographs.builtin()[2].open()  # a cat
    grey = np.asarray(photo.convert("L"))
    x, y = 120, 200
    colorizer = colorflax.load()
    plain = oracle.rgb2lab(colorizer(grey, saturation=saturation))
    given = [(x, y, "#608060")]
    lab = oracle.rgb2lab(colorizer(grey, hints=given, saturation=saturation))
    wanted = oracle.rgb2lab(np.array(ImageColor.getrgb("#608060"), np.uint8))[1:]
    assert np.linalg.norm(plain[y, x, 1:] - wanted) > 12
    np.testing.assert_allclose(lab[y, x, 1:], wanted, atol=3)
    assert np.abs(lab[..., 0] - plain[..., 0]).max() < 0.6


def test_points_of_each_corner() -> None:
    corners = [Hint(x, y, "tan") for x in (0, 99) for y in (0, 49)]
    cells = hints.cells(corners, (100, 50), (12.4, 6.2), (7, 13))
    assert cells.tolist() == [[0, 0], [6, 0], [0, 12], [6, 12]]


def test_what_is_written_down() -> None:
    assert hint("120,34.5, rgb(1, 2, 3)") == Hint(120, 34.5, "rgb(1, 2, 3)")
    for bad in ("", "1,2", "a,b,red"):
        with pytest.raises(UserError, match="should be X,Y,COLOUR"):
            hint(bad)
    assert point((120, 34.5, "red")) == Hint(120, 34.5, "red")
    for wrong in ((1, 2), (1, 2, "red", 3), ("left", 2, "red"), (None, 2, "red")):
        with pytest.raises(UserError, match=r"should be \(x, y, colour\)"):
            point(wrong)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            (60, 0, "red"),
            r"hint 60,0,red lies outside of the picture, which is 60 x 40",
        ),
        ((0, -1, "red"), "lies outside"),
        ((0, 0, "reddish"), "'reddish' is no colour; write #rrggbb, or a name"),
    ],
)
def test_bad_hints(run: Path, given: tuple[int, int, str], message: str) -> None:
    colorizer = colorflax.load(run)
    image = np.zeros((40, 60), np.uint8)
    with pytest.raises(UserError, match=message):
        colorizer(image, hints=[given])
    with pytest.raises(UserError, match="hints are about one picture"):
        colorizer([image], hints=[given])


def test_the_command(run: Path, tmp_path: Path) -> None:
    """Colours, says that a hand was in it, and does again what has other hints."""
    photo, out = tmp_path / "a.png", tmp_path / "out"
    Image.new("L", (60, 40), 120).save(photo)
    flags = [f"--checkpoint={run}", f"--out={out}"]
    seen = []
    for hinted in ([], ["--hint=30,20,#a07850"], ["--hint=30,20,#5078a0"]):
        done = commands.run("colorflax.colorize", *flags, *hinted, photo)
        assert done.returncode == 0, done.stderr
        assert "done before" not in done.stdout
        picture = read(out / "a.png")
        seen.append(oracle.rgb2lab(picture.pixels)[20, 30])
        said = picture.metadata.text["Comment"]
        assert ("hints=1 by hand" in said) == bool(hinted)
    wanted = oracle.rgb2lab(np.array([[160, 120, 80], [80, 120, 160]], np.uint8))
    np.testing.assert_allclose(np.array(seen)[1:, 1:], wanted[:, 1:], atol=1.5)
    said = commands.complaint(
        commands.run("colorflax.colorize", *flags, "--hint=1,2", photo)
    )
    assert said == "colorflax: '1,2' should be X,Y,COLOUR, as in 120,340,#c8a878"
    (tmp_path / "b.png").write_bytes(photo.read_bytes())
    both = photo, tmp_path / "b.png"
    said = commands.complaint(
        commands.run("colorflax.colorize", *flags, "--hint=1,2,tan", *both)
    )
    assert "--hint is about one photograph, and these are 2; name one of them" in said

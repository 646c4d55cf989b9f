"""What the network sees of a photograph: where it is cut, how large, which way."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colorflax import config
from colorflax.data import photographs, views
from configs import fusion

SETTINGS = dataclasses.replace(
    config.parse(fusion.get_config()).data, size=16, short_side=20, threads=2
)


def test_views(tmp_path: Path) -> None:
    ramp = np.linspace(0, 255, 80).astype(np.uint8)
    wide = np.broadcast_to(ramp[None, :, None], (20, 80, 3))
    path = tmp_path / "wide.png"
    Image.fromarray(wide).save(path)
    photo = photographs.Content(path, str(path))
    settings = dataclasses.replace(SETTINGS, size=20, short_side=20)
    crops = [
        views.training_view(photo, settings, np.random.default_rng(i))
        for i in range(60)
    ]
    lefts = {int(min(crop[0, 0, 0], crop[0, -1, 0])) for crop in crops}
    assert min(lefts) < 20
    assert max(lefts) > 170
    mirrored = sum(crop[0, 0, 0] > crop[0, -1, 0] for crop in crops)
    assert 15 < mirrored < 45
    padded = views.evaluation_view(photo, dataclasses.replace(settings, fit="pad"))
    assert padded.shape == (20, 20, 3)
    assert (padded[:7] == 255).all()
    assert (padded[8:12, 1:10] < 140).all()
    np.testing.assert_array_equal(
        views.evaluation_view(photo, settings)[..., 0], wide[:, 30:50, 0]
    )


def test_a_crop_is_what_resizing_all_and_cropping_gives(tmp_path: Path) -> None:
    """Of what is not a JPEG, which training decodes at a scale of its own."""
    settings = dataclasses.replace(SETTINGS, size=64, short_side=80, flip=False)
    for n, original in enumerate(photographs.builtin()):
        path = tmp_path / f"{n}.png"
        original.open().save(path)
        photo = photographs.Content(path, str(path))
        whole = np.asarray(views.whole_view(photo.open(80), settings), int)
        h, w, _ = whole.shape
        for seed in range(3):
            across, down, _ = np.random.default_rng(seed).random(3)
            left, top = int(across * (w - 63)), int(down * (h - 63))
            crop = views.training_view(photo, settings, np.random.default_rng(seed))
            difference = np.abs(whole[top : top + 64, left : left + 64] - crop)
            assert difference.max() <= 1  # rounding of the box's corners
            assert (difference > 0).mean() < 0.01


def test_scale_jitter_draws_the_size_before_the_crop() -> None:
    """The same middle at every scale in between, and nothing else is drawn anew."""
    photo = photographs.builtin()[0].read()
    settings = dataclasses.replace(SETTINGS, size=48, short_side=48, flip=False)
    jittered = dataclasses.replace(settings, scale_jitter=2.0)
    sides = []
    for seed in range(40):
        across, down, _, scale = np.random.default_rng(seed).random(4)
        side = round(48 * 2**scale)
        sides.append(side)
        crop = views.training_view(photo, jittered, np.random.default_rng(seed))
        assert crop.shape == (48, 48, 3)
        whole = np.asarray(views.whole_view(photo.open(side), settings, side), int)
        h, w, _ = whole.shape
        left, top = int(across * (w - 47)), int(down * (h - 47))
        difference = np.abs(whole[top : top + 48, left : left + 48] - crop)
        assert (difference > 1).mean() < 0.01
    assert min(sides) < 52
    assert max(sides) > 90
    np.testing.assert_array_equal(
        views.evaluation_view(photo, jittered), views.evaluation_view(photo, settings)
    )
    assert min(views.whole_size((300, 200), jittered)) == 96


@pytest.mark.parametrize(
    ("short_side", "scale_jitter", "seen"),
    [(192, 1.11, 224), (192, 1.0, 192), (72, 1.0, 72), (72, 1.4, 96), (10, 1.3, 13)],
)
def test_whole_pictures_are_seen_without_edges_that_repeat(
    short_side: int, scale_jitter: float, seen: int
) -> None:
    settings = dataclasses.replace(
        SETTINGS, size=16, short_side=short_side, scale_jitter=scale_jitter
    )
    assert min(views.whole_size((3000, 2000), settings)) == seen
    assert min(views.whole_size((3000, 2000), settings, 213)) == 213

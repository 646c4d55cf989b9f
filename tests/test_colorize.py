"""Photographs in, coloured photographs out: size, luminance, memory, bad input."""

import dataclasses
import json
import shutil
import subprocess
from pathlib import Path

import commands
import compiling
import jax
import numpy as np
import pytest
from PIL import Image
from skimage import color as oracle

from colorflax import checkpoint, config, features, models, predict
from colorflax.data import photographs, views
from colorflax.data.decode import decode
from colorflax.errors import UserError
from colorflax.training import assemble, train
from configs import fusion, simple

ROOT = Path(__file__).parent.parent


def _settings(photos: str, words: str = "") -> config.Config:
    values = simple.get_config(words).to_dict()
    values["data"].update(
        source=f"folder:{photos}", train_split="train", size=32, short_side=32
    )
    values["train"].update(steps=2, batch_size=8)
    return config.parse(values)


def _run(settings: config.Config, workdir: Path) -> Path:
    train.train(assemble.assemble(settings, workdir), settings, workdir)
    return workdir


@pytest.fixture(scope="module")
def run(photos: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _run(_settings(photos), tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def bins_run(photos: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = _settings(photos, "classification")
    return _run(settings, tmp_path_factory.mktemp("bins"))


@pytest.fixture(scope="module")
def colorizer(run: Path) -> predict.Colorizer:
    return predict.load(run)


def _strong(saved: checkpoint.Saved) -> checkpoint.Saved:
    """The same network, its numbers twentyfold."""
    variables = jax.tree.map(lambda x: 20 * x, saved.variables)
    return dataclasses.replace(saved, variables=variables)


@pytest.mark.parametrize("objective", ["regression", "classification"])
def test_luminance_is_kept_and_colour_is_not_grey(
    run: Path, bins_run: Path, objective: str
) -> None:
    saved = predict.load(run if objective == "regression" else bins_run).saved
    # As vivid as no network is: everything must be fitted into sRGB.
    for colorizer in (predict.Colorizer(saved), predict.Colorizer(_strong(saved))):
        for photo in photographs.builtin()[:4]:
            image = photo.open()
            image.thumbnail((160, 160))
            output = np.asarray(colorizer(image))
            assert output.shape == np.asarray(image).shape
            before, after = oracle.rgb2lab(np.asarray(image)), oracle.rgb2lab(output)
            difference = np.abs(before[..., 0] - after[..., 0]).max() / 100
            assert difference <= 1 / 255
            assert np.abs(after[..., 1:]).mean() > 0.5


def test_a_photograph_and_its_grey_version_get_the_same_colours(
    colorizer: predict.Colorizer,
) -> None:
    image = photographs.builtin()[0].open().resize((64, 48))
    lab = oracle.rgb2lab(np.asarray(image))
    lab[..., 1:] = 0
    grey = (oracle.lab2rgb(lab).clip(0, 1) * 255).round().astype(np.uint8)
    one, other = (colorizer(np.asarray(x)).astype(int) for x in (image, grey))
    assert np.abs(one - other).mean() < 2


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (200, 3), (31, 33), (97, 64)])
def test_any_size(colorizer: predict.Colorizer, size: tuple[int, int]) -> None:
    image = Image.effect_noise(size, 80).convert("RGB")
    assert colorizer(image).size == size


def test_size_of_what_the_network_sees(run: Path) -> None:
    image = Image.effect_noise((80, 60), 80).convert("RGB")
    fine, coarse = (predict.load(run, size)(image) for size in (60, 30))
    assert fine.tobytes() != coarse.tobytes()


def test_colorizing_is_what_evaluation_measured(run: Path) -> None:
    """A picture of the trained size comes out as on the contact sheet, unsmoothed."""
    sheet = np.asarray(decode(run / "pictures" / "000002.png"))
    truth, output = sheet[:32, 64:], sheet[:32, 32:64]
    again = predict.load(run, edges=False)(truth)
    assert np.abs(again.astype(int) - output.astype(int)).max() <= 1


def test_embedding_is_used_and_its_weights_are_checked(
    photos: str, tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fusion network, narrowed, steered by the smallest backbone."""
    monkeypatch.setitem(
        features.BACKBONES, "inception_resnet_v2", features.BACKBONES[tiny]
    )
    narrow = tuple(
        tuple((8, stride) for _, stride in layers) for layers in models.fusion._ENCODER
    )
    monkeypatch.setattr(models.fusion, "_ENCODER", narrow)
    values = fusion.get_config().to_dict()
    values["features"]["weights"] = "random"
    values["data"].update(source=f"folder:{photos}", size=32, short_side=32)
    values["train"].update(steps=2, batch_size=8)
    workdir = _run(config.parse(values), tmp_path)
    colorizer = predict.load(workdir)
    image = np.asarray(Image.effect_noise((40, 40), 80).convert("RGB"))
    before = colorizer(image)
    monkeypatch.setattr(
        predict._Embedder, "__call__", lambda *_: np.full((1, 1001), 9, np.float32)
    )
    assert not np.array_equal(colorizer(image), before)
    record = colorizer.saved.about["features"]
    assert record["weights"] == "random:0"
    with pytest.raises(UserError, match="not those that the checkpoint"):
        predict.embedder(record | {"fingerprint": "0" * 64})


def _command(*arguments: object) -> subprocess.CompletedProcess[str]:
    return commands.run("colorflax.colorize", *arguments, env=compiling.devices(1))


def test_good_ones_are_done_and_bad_ones_are_named(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "album"
    (folder / "1950").mkdir(parents=True)
    Image.effect_noise((50, 40), 80).save(folder / "a.jpg")
    Image.effect_noise((40, 50), 80).save(folder / "a.png")
    Image.effect_noise((60, 40), 80).save(folder / "1950" / "b.tif")
    (folder / "text.jpg").write_text("hello")
    cut = (folder / "a.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(cut[: len(cut) // 2])
    (tmp_path / "empty").mkdir()
    single = tmp_path / "single.webp"
    Image.effect_noise((30, 30), 80).save(single)
    out = tmp_path / "out"
    done = _command(
        f"--checkpoint={run}", f"--out={out}",
        folder, tmp_path / "missing.jpg", tmp_path / "empty", single,
    )  # fmt: skip
    assert done.returncode == 1
    complaints = done.stderr.strip().splitlines()
    assert len(complaints) == 4, done.stderr
    for name in ("text.jpg: ", "cut.jpg: ", "missing.jpg: ", "empty: "):
        assert sum(name in line for line in complaints) == 1, (name, complaints)
    written = {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()}
    assert written == {
        "a.png", "a-2.png", "1950/b.tif", "single.png", ".colorflax.jsonl"
    }  # fmt: skip
    assert decode(out / "1950" / "b.tif").size == (60, 40)
    assert all(f"-> {out / name}" in done.stdout for name in written if name[0] != ".")


def test_nothing_is_written_over_but_our_own(run: Path, tmp_path: Path) -> None:
    """Into the folder of the original, twice; given twice; from inside a folder."""
    original = tmp_path / "album" / "old.png"
    original.parent.mkdir()
    Image.effect_noise((40, 30), 80).save(original)
    (tmp_path / "album" / "old-2.png").write_text("somebody's notes")
    before = original.read_bytes()
    for note in ("", " (done before)"):
        done = _command(
            f"--checkpoint={run}", f"--out={original.parent}", original, original
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout == f"{original} -> {original.parent}/old-3.png{note}\n"
    assert original.read_bytes() == before
    assert (tmp_path / "album" / "old-2.png").read_text() == "somebody's notes"
    (tmp_path / "album" / "old-2.png").unlink()
    (tmp_path / "album" / "old-3.png").unlink()
    for note in ("", " (done before)"):
        done = _command(
            f"--checkpoint={run}", f"--out={tmp_path}/album/new", tmp_path / "album"
        )
        assert done.stdout == f"{original} -> {tmp_path}/album/new/old.png{note}\n"
    done = _command(f"--checkpoint={run}", f"--out={original.parent}", original.parent)
    assert done.returncode == 1
    assert "--out is this folder itself" in done.stderr


def test_confidence_and_samples(bins_run: Path, tmp_path: Path) -> None:
    """The likeliest first, others by another seed."""
    photo = tmp_path / "old.png"
    Image.effect_noise((50, 40), 80).save(photo)
    flags = [f"--checkpoint={bins_run}", "--samples=2", "--confidence", photo]
    for out in ("one", "again"):  # with as many devices as here, for equal bits
        done = commands.run("colorflax.colorize", f"--out={tmp_path / out}", *flags)
        assert done.returncode == 0, done.stderr
    written = {path.name: path.read_bytes() for path in (tmp_path / "one").glob("o*")}
    assert set(written) == {
        "old.png", "old.confidence.png", "old.sample-1.png", "old.sample-2.png"
    }  # fmt: skip
    assert all((tmp_path / "again" / k).read_bytes() == v for k, v in written.items())
    assert len(set(written.values())) == 4
    assert decode(tmp_path / "one" / "old.confidence.png").size == (50, 40)
    colorizer = predict.load(bins_run)
    image = decode(photo)
    said = colorizer.look(image)
    first, second = said.samples(2)
    np.testing.assert_array_equal(first, decode(tmp_path / "one" / "old.sample-1.png"))
    assert not np.array_equal(next(said.samples(2, seed=1)), first)
    with Image.open(tmp_path / "one" / "old.sample-1.png") as sample:
        settings = json.loads(sample.text["colorflax"])["settings"]
    assert settings["sample"] == "1 of 2"
    assert (settings["gain"], settings["temperature"]) == (1.0, 1.0)
    for picture in (first, second):
        L = [oracle.rgb2lab(np.asarray(x))[..., 0] for x in (image, picture)]
        assert np.abs(L[0] - L[1]).max() / 100 <= 1 / 255
    sure = said.confidence()
    np.testing.assert_array_equal(
        sure, np.asarray(decode(tmp_path / "one" / "old.confidence.png"))[..., 0]
    )
    assert sure.max() < 128  # after two steps of training
    more = 5 * jax.random.normal(jax.random.key(0), said.head.shape)
    sure = dataclasses.replace(said, head=said.head + more).confidence()
    assert sure.min() < sure.max()
    assert sure.shape == (40, 50)


def test_regression_has_nothing_to_draw_from(colorizer: predict.Colorizer) -> None:
    image = Image.new("L", (20, 20))
    with pytest.raises(UserError, match="trained with regression"):
        next(colorizer.look(image).samples(1))
    with pytest.raises(UserError, match="trained with regression"):
        colorizer.look(image).confidence()
    with pytest.raises(UserError, match="trained with regression"):
        colorizer(image, temperature=0.5)


@pytest.mark.parametrize("mode", ["L", "1", "LA", "RGBA", "P", "CMYK", "I;16", "F"])
def test_any_mode(colorizer: predict.Colorizer, mode: str) -> None:
    image = Image.effect_noise((40, 30), 80)
    image = Image.new(mode, (40, 30), 9) if mode == "I;16" else image.convert(mode)
    output = colorizer(image)
    assert output.size == (40, 30)
    assert output.mode == ("RGBA" if "A" in mode else "RGB")


@pytest.mark.parametrize("fit", ["crop", "pad"])
def test_the_network_sees_the_scale_it_was_trained_at(fit: str) -> None:
    """The side that training fixes is fixed here; a strip of film stays small."""
    settings = dataclasses.replace(
        config.parse(fusion.get_config()).data, fit=fit, size=20, short_side=20
    )
    ramp = np.linspace(0, 255, 120).astype(np.uint8)
    wide = Image.fromarray(np.broadcast_to(ramp[None, :, None], (40, 120, 3)).copy())
    whole = np.asarray(views.whole_view(wide, settings))
    assert whole.shape[:2] == ((20, 60) if fit == "crop" else (7, 20))
    strip = views.whole_view(Image.new("RGB", (40_000, 4)), settings)
    assert max(strip.size) <= 160


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--checkpoint=/nowhere", "x.jpg"], "/nowhere: no checkpoint here"),
        (["--checkpoint={run}/checkpoints/77", "x.jpg"], "no complete checkpoint"),
        (
            ["--checkpoint={run}", "--out=/proc/x", "x.jpg"],
            "/proc/x: cannot be written",
        ),
        (["--checkpoint={run}"], "name at least one photograph"),
        (["--checkpoint={run}", "--size=3", "x.jpg"], "--size=3 is too small"),
        (["--checkpoint={run}", "--samples=1", "x.jpg"], "--samples: "),
        (["--checkpoint={run}", "--temperature=1", "x.jpg"], "temperature: "),
        (["--checkpoint={run}", "-", "x.jpg"], "name nothing else"),
        (["--chekpoint={run}", "x.jpg"], "chekpoint"),
    ],
)
def test_bad_commands_end_in_one_line(
    run: Path, arguments: list[str], message: str
) -> None:
    done = _command(*[argument.format(run=run) for argument in arguments])
    assert not done.stdout
    assert message in commands.complaint(done)


def test_damaged_checkpoint_is_named(run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    for file in (copy / "checkpoints").rglob("d/*"):
        file.write_bytes(b"")
    with pytest.raises(UserError, match="a damaged checkpoint"):
        predict.load(copy)

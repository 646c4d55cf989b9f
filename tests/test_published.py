"""Published weights colour as the published network does, and strangers are refused."""

import hashlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch_file
import web
import zhang_oracle as oracle
from PIL import Image

from colorflax import config, predict
from colorflax.errors import UserError
from colorflax.models import conv
from colorflax.pretrained import hosted, inception, release
from colorflax.training.tasks import Colorization
from configs import zhang

TASK = Colorization.build(release.SETTINGS, prior=None)


@pytest.fixture(scope="module")
def weights() -> oracle.Weights:
    return oracle.random_weights(0)


@pytest.fixture(scope="module")
def variables(weights: oracle.Weights) -> Any:
    return jax.device_put(release.convert(weights, "weights.pth"))


def _lightness(h: int, w: int) -> np.ndarray:
    coarse = np.random.default_rng(h).uniform(0, 100, (h // 4 + 1, w // 4 + 1))
    return coarse.repeat(4, 0).repeat(4, 1)[:h, :w].astype(np.float32)


@jax.jit
def _head_and_ab(variables: Any, x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """In one program: what is common to both is computed, and compiled, once."""
    return TASK.model.apply(variables, x), TASK.predict(variables, x, None)


@pytest.mark.parametrize(("h", "w"), [(21, 34), (16, 17)])
def test_colours_as_published(
    weights: oracle.Weights,
    variables: Any,
    monkeypatch: pytest.MonkeyPatch,
    h: int,
    w: int,
) -> None:
    """The same logits, then a softmax at T = 1, `model_out`, bilinear, times 110."""
    for name in ("_PIXELS", "_PRODUCTS"):  # as in pictures worth its while
        monkeypatch.setattr(conv, name, 0)
    L = _lightness(h, w)
    expected = oracle.logits(weights, L)[: -(-h // 4), : -(-w // 4)]
    x = jnp.asarray(L)[None, ..., None]
    (head,), (ours,) = _head_and_ab(variables, x)
    np.testing.assert_allclose(head, expected, atol=1e-4 * np.abs(expected).max())
    share = np.exp(expected - expected.max(-1, keepdims=True))
    share /= share.sum(-1, keepdims=True)
    ab = 110 * share @ weights["model_out.weight"][:, :, 0, 0].T
    expected = oracle.enlarge(ab)[:h, :w]
    np.testing.assert_allclose(ours, expected, atol=1e-4 * np.abs(expected).max())
    assert np.ptp(expected) > 10  # ab; grey would pass for anything


def test_the_oracle_is_pytorch(weights: oracle.Weights) -> None:
    torch = pytest.importorskip("torch")
    nn = torch.nn
    blocks, before = [], 1
    for n, width, last, dilation in (
        (2, 64, 2, 1), (2, 128, 2, 1), (3, 256, 2, 1), (3, 512, 1, 1), (3, 512, 1, 2),
        (3, 512, 1, 2), (3, 512, 1, 1),
    ):  # fmt: skip
        layers = []
        for j in range(n):
            stride = last if j == n - 1 else 1
            layers += [
                nn.Conv2d(before, width, 3, stride, dilation, dilation), nn.ReLU(),
            ]  # fmt: skip
            before = width
        blocks.append(nn.Sequential(*layers, nn.BatchNorm2d(width)))
    last_block = nn.Sequential(
        nn.ConvTranspose2d(512, 256, 4, 2, 1), nn.ReLU(),
        nn.Conv2d(256, 256, 3, 1, 1), nn.ReLU(), nn.Conv2d(256, 256, 3, 1, 1),
        nn.ReLU(), nn.Conv2d(256, 313, 1),
    )  # fmt: skip
    modules = {f"model{i}": block for i, block in enumerate([*blocks, last_block], 1)}
    modules["model_out"] = nn.Conv2d(313, 2, 1, bias=False)
    network = nn.ModuleDict(modules).eval()
    network.load_state_dict(
        {name: torch.from_numpy(np.array(x)) for name, x in weights.items()}
    )
    L = _lightness(21, 34)
    with torch.no_grad():
        x = (torch.from_numpy(L)[None, None] - 50) / 100
        for i in range(1, 9):
            x = network[f"model{i}"](x)
        ab = network["model_out"](torch.softmax(x, dim=1))
        ab = 110 * nn.functional.interpolate(ab, scale_factor=4, mode="bilinear")
    expected = oracle.logits(weights, L)
    np.testing.assert_allclose(
        x[0].permute(1, 2, 0), expected, atol=1e-4 * np.abs(expected).max()
    )
    share = np.exp(expected) / np.exp(expected).sum(-1, keepdims=True)
    small = 110 * share @ weights["model_out.weight"][:, :, 0, 0].T
    np.testing.assert_allclose(ab[0].permute(1, 2, 0), oracle.enlarge(small), atol=1e-2)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("model5.2.weight", None, r"w\.pth: model5\.2\.weight is missing"),
        ("model3.6.running_var", None, r"model3\.6\.running_var is missing"),
        ("model9.0.weight", np.zeros(3), r"model9\.0\.weight is not a part of this"),
        (
            "model2.2.num_batches_tracked", np.array(1),
            r"model2\.2\.num_batches_tracked is not a part",
        ),
        (
            "model1.0.weight", np.zeros((64, 4, 3, 3), np.float32),
            r"model1\.0\.weight should be \(64, 1, 3, 3\), not \(64, 4, 3, 3\)",
        ),
        (
            "model8.0.weight", np.zeros((256, 512, 4, 4), np.float32),
            r"should be \(512, 256, 4, 4\), not \(256, 512, 4, 4\)",
        ),
        ("model8.6.bias", np.full(313, np.nan, np.float32), r"bias holds NaN"),
        (
            "model_out.weight", np.zeros((2, 313, 1, 1), np.float32),
            r"is not the 313 bin centres",
        ),
    ],
)  # fmt: skip
def test_strangers_are_named(
    weights: oracle.Weights, name: str, change: np.ndarray | None, message: str
) -> None:
    changed = {k: v for k, v in weights.items() if k != name}
    if change is not None:
        changed[name] = change
    with pytest.raises(UserError, match=message):
        release.convert(changed, "w.pth")


def test_the_checkpoint_says_what_the_paper_ran() -> None:
    recipe = zhang.get_config("imagenet").to_dict()
    recipe["objective"]["temperature"] = 1.0
    recipe["data"]["source"] = "tfds:imagenet2012"
    assert config.parse(recipe) == release.SETTINGS


def test_from_a_file_to_a_picture(
    weights: oracle.Weights, variables: Any, tmp_path: Path
) -> None:
    """A second run does not write over the first."""
    file, out = tmp_path / "mine.pth", tmp_path / "out"
    torch_file.write(file, weights)
    release.publish(file, out)
    with pytest.raises(UserError, match="out holds a checkpoint already"):
        release.publish(file, out)
    colorizer = predict.load(out, size=32)
    about = colorizer.saved.about
    assert about["features"] is None
    assert about["published"]["file"] == "mine.pth"
    assert about["published"]["of"] == "somebody else"
    assert about["published"]["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    jax.tree.map(np.testing.assert_array_equal, colorizer.saved.variables, variables)
    picture = colorizer(Image.fromarray(_lightness(40, 50).astype(np.uint8)))
    assert picture.size == (50, 40)
    assert np.ptp(np.asarray(picture).astype(int), axis=-1).max() > 10


@pytest.fixture
def server(own_places: None) -> Iterator[tuple[str, list[str]]]:
    """An address, and what it was asked for; the cache is empty."""
    files = {"good": b"weights", "other": b"an advertisement"}

    def answer(request: BaseHTTPRequestHandler, name: str, times: int) -> None:
        web.send(request, files.get(name, b""), 200 if name in files else 404)

    with web.serving(answer) as running:
        yield running


SHA256 = hashlib.sha256(b"weights").hexdigest()


def test_mirrors_are_asked_in_turn_and_once(server: tuple[str, list[str]]) -> None:
    address, asked = server
    mirrors = [f"{address}/{name}" for name in ("gone", "other", "good")]
    file = hosted.Hosted("w.pth", SHA256, mirrors)
    for _ in range(2):
        assert release.fetch(file).read_bytes() == b"weights"
        assert asked == ["gone", "other", "good"]
    file.path.write_bytes(b"weigh")
    assert release.fetch(file).read_bytes() == b"weights"


def test_no_mirror_has_it(server: tuple[str, list[str]], tmp_path: Path) -> None:
    mirrors = [f"{server[0]}/gone", f"{server[0]}/other"]
    with pytest.raises(UserError, match=r"404 .*another file than.*--weights=FILE"):
        release.fetch(hosted.Hosted("w.pth", SHA256, mirrors))
    assert not list(tmp_path.glob("**/*.pth"))


@pytest.mark.parametrize("file", [release.FILE, inception.FILE])
def test_names_carry_the_hash(file: hosted.Hosted) -> None:
    assert file.sha256.startswith(file.name.split("-")[-1].split(".")[0])

"""Print the README's table of networks: `python -m launch.networks`.

Each network is as in `configs/NAME.py`. Nothing is run: shapes are traced, and the
floating-point operations are those of the program before XLA rewrites it.
"""

import dataclasses
import importlib
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from colorflax import cli, config, models, objectives
from colorflax.errors import UserError
from colorflax.features.backbone import WIDTH
from colorflax.training import speed
from launch.markdown import markdown

SIZES = (224, 256)  # px


@dataclasses.dataclass(frozen=True)
class Network:
    """A network and its objective, as a config has them."""

    name: str
    settings: config.Config

    @classmethod
    def named(cls, name: str) -> "Network":
        """That of `configs/NAME.py`."""
        values = importlib.import_module(f"configs.{name}").get_config()
        return cls(name, config.parse(values))

    @property
    def channels(self) -> int:
        """Of the head."""
        stride = self.settings.model.stride
        return objectives.build(self.settings.objective, stride, prior=None).channels

    def cost(self, size: int) -> tuple[int, float]:
        """Parameters, and floating-point operations to colour a square of `size` px.

        A multiply-add counts as two operations; those on the padding of a convolution
        are left out, and so is the backbone that makes an embedding.
        """
        model = models.build(self.settings.model, self.channels)
        L = jax.ShapeDtypeStruct((1, size, size, 1), jnp.float32)
        steered = self.name in config.STEERED
        embedding = jax.ShapeDtypeStruct((1, WIDTH), jnp.float32) if steered else None
        variables = jax.eval_shape(model.init, jax.random.key(0), L, embedding)
        parameters = sum(x.size for x in jax.tree.leaves(variables["params"]))
        flops = speed.operations(model.apply, variables, L, embedding)
        if flops is None:
            raise UserError("JAX counts operations on a CPU only; unset JAX_PLATFORMS")
        return parameters, flops


def table() -> str:
    """A row of Markdown for each network of `config.STRIDES`, columns aligned."""
    header = ["network", "parameters", *(f"GFLOPs, {size} px" for size in SIZES)]
    rows = [[*header, "head", "other strides", "beside L"]]
    for name, strides in config.STRIDES.items():
        network = Network.named(name)
        (parameters, _), *_ = costs = [network.cost(size) for size in SIZES]
        stride = network.settings.model.stride
        others = ", ".join(str(s) for s in strides if s != stride)
        needs = f"{WIDTH}-long embedding" if name in config.STEERED else "nothing"
        rows.append([
            name, f"{parameters:,}", *(f"{flops / 1e9:.2f}" for _, flops in costs),
            f"{network.channels} channels at stride {stride}", others, needs,
        ])  # fmt: skip
    return markdown(rows, right={1, 2, 3})


def main(argv: Sequence[str]) -> None:
    """Print the table."""
    cli.need_no_arguments(argv)
    print(table())


if __name__ == "__main__":
    cli.run(main)

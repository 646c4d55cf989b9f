"""Keras, imported late and with settings that do not depend on the user's."""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any

import jax

from colorflax.errors import UserError


@contextlib.contextmanager
def keras_on_jax() -> Iterator[Any]:
    """Keras on JAX, in float32 and channels last whatever the user's settings are.

    Raises:
        UserError: this process already runs Keras on something else.
    """
    if "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = "jax"
    import keras

    if keras.config.backend() != "jax":
        raise UserError(
            f"Keras already runs on {keras.config.backend()} in this process; set "
            "KERAS_BACKEND=jax in the environment before anything imports keras."
        )
    layout, policy = keras.config.image_data_format(), keras.config.dtype_policy()
    keras.config.set_image_data_format("channels_last")
    keras.config.set_dtype_policy("float32")
    try:
        with jax.numpy_rank_promotion("allow"), jax.transfer_guard("allow"):
            yield keras
    finally:
        keras.config.set_image_data_format(layout)
        keras.config.set_dtype_policy(policy)

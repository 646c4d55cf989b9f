"""Colour black-and-white photographs with JAX and Flax."""

__version__ = "0.1.0"

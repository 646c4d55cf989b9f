"""Photographs -> batches of uint8 RGB. The only room that knows grain."""

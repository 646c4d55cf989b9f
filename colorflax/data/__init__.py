"""Photographs -> batches of uint8 RGB. The only room that knows grain.

Downwards: labels, library, prepared, packed, digests, pipeline, views, photographs,
index, shards, decode, opening, scans, levels, gamma, records, quiet.
"""

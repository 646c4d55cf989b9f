"""Photographs in, files out: what colorize does once its flags are read.

Downwards: errand, batch, account, studio, album, ledger.
"""

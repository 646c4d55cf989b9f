"""Photographs or films in, files out: what colorize and video do after their flags.

Downwards: errand, cinema, batch, account, studio, album, programme, named, ledger.
"""

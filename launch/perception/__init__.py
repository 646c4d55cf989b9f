"""Pairs of photographs for people, one of each with colours that are not its own.

Downwards: verdict, page, pictures, sittings.
"""

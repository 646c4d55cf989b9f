"""Files, and folders, that hold what they should or say that they do not.

Downwards: seals, lock, files.
"""

"""Folders or addresses in, audited records out; what `colorflax.prepare` runs."""

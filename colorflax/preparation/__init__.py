"""Folders or addresses in, audited records out; what `colorflax.prepare` runs.

Downwards: run, survey, job, report, plan, packing, sources, audit, reencode, download,
journal, duplicates, options, measure, parallel.
"""

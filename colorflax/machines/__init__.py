"""What a run runs on: processes, devices, memory, signals.

Downwards: distributed, cluster, sharding, hugepages, signals, xla.
"""

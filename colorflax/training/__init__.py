"""How a network is trained: a config becomes a run, and the run is looped.

Downwards: train, assemble, speed, validation, steps, scenes, tasks, census, resume,
writers, augment, optim, pieces, state, code.
"""

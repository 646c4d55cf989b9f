"""What starts many runs or measures them; used from a clone."""

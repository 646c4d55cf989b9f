"""`python -m colorflax`, and `colorflax` in a shell: what colorize.py does."""

import runpy


def command() -> None:
    """Run it as a command of its own, whose help is about its own flags."""
    runpy.run_module("colorflax.colorize", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    command()

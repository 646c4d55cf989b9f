"""How a command starts and how it fails: one line on stderr, never a traceback."""

import contextlib
import gc
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from absl import app, flags
from absl import logging as absl_logging

from colorflax import __version__
from colorflax.disk import files
from colorflax.errors import Stopped, UserError
from colorflax.machines import signals

_VERSION = flags.DEFINE_boolean("version", False, "print the version, and no more")
_FULL = "RESOURCE_EXHAUSTED"  # as XLA says it


def run(main: Callable[[Sequence[str]], int | None]) -> None:
    """`absl.app.run`, with bad flags and `UserError` as one line each.

    Exit codes: what `main` returns; 1 for a `UserError` or a failing disk; 2 for bad
    flags; 75 after a signal that ended a run whose work is saved, or had not begun; 130
    for Ctrl-C.
    """
    # The libraries below us log much through absl, errors with their traceback, which
    # they also raise; ours is plain lines.
    absl_logging.set_verbosity(absl_logging.FATAL)
    ours = logging.getLogger("colorflax")
    ours.setLevel(logging.INFO)
    ours.propagate = False
    if not ours.handlers:
        ours.addHandler(logging.StreamHandler(sys.stderr))
    sys.unraisablehook = unraisable
    app.run(lambda argv: _guarded(main, argv), flags_parser=_parse)


def need_no_arguments(argv: Sequence[str]) -> None:
    """Raise `UserError` unless there is nothing but flags."""
    if len(argv) > 1:
        raise UserError(f"unexpected argument {argv[1]!r}; flags begin with --")


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """Import libraries while nobody looks for garbage, as what they leave is none.

    It is a fifth of the time that JAX takes to come and to go. Signals wait until they
    are there: some take an exception in the middle for one of their own, and go on.
    """
    gc.disable()
    try:
        with signals.held_back():
            yield
    finally:
        gc.freeze()
        gc.enable()


def unraisable(late: "sys.UnraisableHookArgs") -> None:
    """Silence about what comes after a failure that was raised, and said in a line.

    Orbax leaves the other writes of a checkpoint behind when one has failed.
    """
    after = ("Event loop is closed", "coroutine ignored GeneratorExit")
    if str(late.exc_value) not in after:
        sys.__unraisablehook__(late)


def _remember_what_was_compiled() -> None:
    """The next command of the same shapes starts without compiling.

    Where nothing can be written, it compiles again, which is not worth a word.
    """
    with importing():
        import jax
    kept = "Error (reading|writing) persistent compilation cache entry"
    warnings.filterwarnings("ignore", kept)
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        jax.config.update("jax_compilation_cache_dir", str(files.cache("compiled")))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.03)


def _guarded(main: Callable[[Sequence[str]], int | None], argv: Sequence[str]) -> None:
    try:
        with signals.interruptible():
            _remember_what_was_compiled()
            sys.exit(main(argv))
    except UserError as error:
        complain(error)
        sys.exit(1)
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and _FULL not in str(error):
            raise
        smaller = "smaller pictures"
        if "config" in flags.FLAGS:  # of a training
            smaller += (
                ", smaller batches (--config.train.batch_size, or more "
                "--config.train.accumulate), or --config.model.remat=true"
            )
        complain(
            "the memory of this machine or its accelerator is full; take " + smaller
        )
        sys.exit(1)
    except BrokenPipeError:
        complain("what read the output has ended, and so did this")
        sys.exit(1)
    except OSError as error:
        # A full disk, a folder without permission: the machine's, not a bug's.
        complain(f"{error.filename or 'disk'}: {error.strerror or error}")
        sys.exit(1)
    except Stopped as stopped:
        complain(stopped)
        sys.exit(stopped.code)
    except KeyboardInterrupt as interrupt:
        complain("stopped")
        sys.exit(getattr(interrupt, "code", 130))


def _find_configs(argv: Sequence[str]) -> None:
    """A config imports others as `configs`, also where the clone is not the folder."""
    for word, following in zip(argv, [*argv[1:], ""], strict=True):
        name, given, value = word.lstrip("-").partition("=")
        if word.startswith("-") and name == "config":
            file = Path((value if given else following).partition(":")[0])
            if file.is_absolute():
                sys.path.append(str(file.parent.parent))


def _parse(argv: Sequence[str]) -> list[str]:
    _find_configs(argv)
    try:
        left = list(flags.FLAGS(list(argv)))
        if _VERSION.value:
            print(__version__)
            sys.exit()
        _need_no_empty_flag()
        return left
    except SystemExit as end:
        # Who asked absl for help, and got it, has not failed.
        sys.exit(0 if end.code == 1 else end.code)
    except (AttributeError, KeyError) as error:
        # What ml_collections raises for --config.unknown=1: a quoted text in a text.
        guess = str(error.args[0]).replace("\\n", ". ").replace("\\'", "").strip("'\"")
        complain(f"a --config flag names an unknown setting: {guess}")
    except ImportError as error:
        complain(f"the config imports what is not here: {error}; is this the clone?")
    except (flags.Error, UserError, OSError, ValueError, TypeError) as error:
        first, _, traceback = str(error).partition("Traceback")
        # A config file that fails: its last line says why.
        complain(first + (traceback.strip().splitlines() or [""])[-1])
    sys.exit(2)


def _need_no_empty_flag() -> None:
    """Raise `UserError` for --out=, which no default should stand in for.

    A variable of the shell may have been empty. Settings of a config may be.
    """
    for name, value in flags.FLAGS.flag_values_dict().items():
        given = flags.FLAGS[name].present and not name.startswith("config.")
        if given and value in ("", [""]):
            raise UserError(f"--{name}= is empty; give it a value, or leave it out")


def workdir(given: str | None, config: str) -> Path:
    """The folder that a flag names; if none, runs/CONFIG-WORDS after FILE:WORDS."""
    file, _, words = config.partition(":")
    named = "-".join([Path(file).stem, *filter(None, words.split(","))])
    return files.local(given or f"runs/{named}")


def complain(problem: object) -> None:
    """One line on stderr, whatever line breaks a message brings."""
    # In one piece: print would let another thread's words in between.
    sys.stderr.write(f"colorflax: {' '.join(str(problem).split())}\n")

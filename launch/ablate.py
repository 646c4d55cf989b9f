"""Does classification colour better than regression? One command, and a table.

    python -m launch.ablate --config=configs/ablation.py --workdir=runs/ablation \\
        --config.base.data.source=folder:photos

Trains what the config names, run after run, each in WORKDIR/NETWORK-OBJECTIVE-SEED as
`colorflax.main` would; scores each on the validation photographs; and writes into
WORKDIR table.md, table.csv and table.json (means, intervals, paired tests), sheet.png
(photographs side by side) and plots/. See launch/ABLATION.md. If it is stopped or
killed, the same command goes on and does not repeat finished runs. `--dry_run` only
says what it would cost.

On a cluster, `--only=K` or $SLURM_ARRAY_TASK_ID trains and scores run number K alone;
see launch/ablate.sh. The same command without it then makes the table.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from absl import flags
from ml_collections import config_flags
from PIL import Image

from colorflax import cli
from colorflax.data import library
from colorflax.disk import files, lock
from colorflax.errors import UserError
from colorflax.training.writers import say
from launch.ablation import plan, plots, scores, sheet, table, training, written

_CONFIG = config_flags.DEFINE_config_file(
    "config", help_string="a plan of runs, such as configs/ablation.py"
)
_WORKDIR = flags.DEFINE_string(
    "workdir", None, "folder of the runs and the table; default: runs/CONFIG-WORDS"
)
_ONLY = flags.DEFINE_integer(
    "only", None, "train and score only this run, by its number in --dry_run "
    "(or $SLURM_ARRAY_TASK_ID)"
)  # fmt: skip
_DRY_RUN = flags.DEFINE_boolean("dry_run", False, "only say what it would cost")
_IMAGES_PER_S = flags.DEFINE_float(
    "images_per_s", None, "speed that --dry_run assumes", 1e-3
)


def main(argv: Sequence[str]) -> None:
    """Train, judge, and write the table."""
    cli.need_no_arguments(argv)
    if _CONFIG.value is None:
        raise UserError("name an ablation, --config=configs/ablation.py")
    chosen = plan.parse(_CONFIG.value)
    name = config_flags.get_config_filename(flags.FLAGS["config"])
    workdir = cli.workdir(_WORKDIR.value, name)
    if _DRY_RUN.value:
        print(plan.cost(chosen, workdir, _IMAGES_PER_S.value))
        return
    number = _only()
    wanted = chosen.trainings if number is None else (chosen.only(number),)
    sides = library.find(chosen.data)
    sheet.need_some(chosen.shown, sides.validation)
    found, networks = [], {}
    for i, one in enumerate(wanted):
        say(f"run {i + 1} of {len(wanted)}: {one.name}")
        networks[one.name] = training.finish(one, workdir, sides)
        found.append(scores.measure(one, networks[one.name], sides, workdir / one.name))
    if number is not None:
        say("finished; the same command without --only makes the table of all")
        return
    with lock.hold(workdir / "lock", "--workdir"):
        results = table.Found(chosen, found)
        print(_tables(results, workdir))
        _save(sheet.draw(results, networks, sides), workdir / "sheet.png")
        for name, picture in plots.draw(results, workdir).items():
            _save(picture, workdir / "plots" / name)
    print(f"Tables, photographs side by side and plots: {workdir}")


def _tables(found: table.Found, workdir: Path) -> str:
    built = table.build(found)
    text = written.as_markdown(built, found)
    files.write(workdir / "table.csv", written.as_csv(built))
    files.write(workdir / "table.json", written.as_json(built, found))
    files.write(workdir / "table.md", text.encode())
    return text


def _save(picture: Image.Image, path: Path) -> None:
    files.save(path, lambda file: picture.save(file, "PNG"))


def _only() -> int | None:
    if _ONLY.value is not None:
        return int(_ONLY.value)
    task = os.environ.get("SLURM_ARRAY_TASK_ID")
    return int(task) if task else None


if __name__ == "__main__":
    cli.run(main)

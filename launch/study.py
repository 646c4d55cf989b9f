"""Real or coloured by a machine? A page that asks people, and the table of answers.

    python -m launch.study --photos=folder:photos --checkpoint=runs/a \\
        --checkpoint=runs/b --out=study
    python -m launch.study --out=study answers/

The first writes study/index.html, for any browser, on this machine or on a server of
files. It shows pairs for a second: a photograph in its own colours, and what a
checkpoint makes of it; after some for practice, the answers are one file for each
person. The second counts how often a machine's colours were taken for the true ones.

As in section 3.1 of Colorful Image Colorization (arXiv 1603.08511): one second, 256 px,
10 pairs for practice and 40 for each system. Unlike there, a person sees all systems,
each on other photographs; and with them colours of another photograph.
"""

import json
from collections.abc import Sequence

from absl import flags

from colorflax import checkpoint, cli, config, predict
from colorflax.disk import files
from colorflax.errors import UserError
from launch import candidates
from launch.perception import page, pictures, sittings, verdict

_CHECKPOINT = flags.DEFINE_multi_string(
    "checkpoint", ["default"], "a run; named again, another one beside it"
)
_PHOTOS = flags.DEFINE_string("photos", None, "in place of those the first set aside")
_NAMES = flags.DEFINE_string("names", "*", "only photographs of such names")
_PAIRS = flags.DEFINE_integer("pairs", 40, "of each system, for each person", 1)
_PRACTICE = flags.DEFINE_integer("practice", 10, "pairs for practice", 0)
_SECONDS = flags.DEFINE_float("seconds", 1.0, "how long a pair is seen", 0.05)
_SIDE = flags.DEFINE_integer("side", 256, "px, the longest side of a photograph", 16)
_SEED = flags.DEFINE_integer("seed", 0, "of which photographs, and in which order", 0)
_RESAMPLES = flags.DEFINE_integer("resamples", 2000, "for the intervals", 1)
_OUT = flags.DEFINE_string("out", "study", "folder of the page")

_SITTINGS = 60  # a multiple of 2 to 6 systems


def main(argv: Sequence[str]) -> None:
    """Make the page; or, of files with answers, the table."""
    out = files.local(_OUT.value)
    if argv[1:]:
        study = page.read(out)
        answers = verdict.read(verdict.files_of(argv[1:]), study)
        print(verdict.text(study, answers, _RESAMPLES.value, _SEED.value))
        record = verdict.record(study, answers, _RESAMPLES.value, _SEED.value)
        files.write(out / "verdict.json", json.dumps(record, indent=1).encode())
        return
    page.need_none(out)
    files.need_writable(out, "--out")
    names = _CHECKPOINT.value
    if len(set(names)) < len(names):
        raise UserError("a --checkpoint is named twice; name each once")
    colorizers = {name: predict.load(name) for name in names}
    first = colorizers[names[0]]
    settings = config.parse(first.saved.about["config"]).data
    found = candidates.find(settings, _PHOTOS.value, _NAMES.value)
    systems = [*names, pictures.CONTROL]
    count = _PAIRS.value * len(systems)
    drawn = pictures.draw(found, count + _PRACTICE.value, _SEED.value)
    shown = pictures.show(drawn, colorizers, _SIDE.value, out / "pictures")
    practice = [
        sittings.Pair(n, n % len(systems), bool(n // len(systems) % 2))
        for n in range(_PRACTICE.value)
    ]
    study = page.Study(
        systems=systems,
        photos=shown[_PRACTICE.value :],
        practised=shown[: _PRACTICE.value],
        practice=practice,
        sittings=sittings.plan(count, len(systems), _SITTINGS, _SEED.value),
        seconds=_SECONDS.value,
        side=_SIDE.value,
        about={
            name: {
                "path": str(x.saved.path),
                "step": x.saved.step,
                "sha256": checkpoint.digest(x.saved.variables),
            }
            for name, x in colorizers.items()
        },
    )
    study.write(out)
    print(
        f"{out / 'index.html'}: {len(practice)} pairs for practice and {count} to "
        f"answer. Then: python -m launch.study --out={out} ANSWERS..."
    )


if __name__ == "__main__":
    cli.run(main)

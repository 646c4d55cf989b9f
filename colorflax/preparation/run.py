"""The steps from sources to records, each of which goes on where it was stopped.

Nothing depends on an earlier, stopped run until the first records are written:
downloads and measurements are facts about files. After them, everything follows from
the plan.
"""

import json
from pathlib import Path

from colorflax.data import shards
from colorflax.data.records import ABOUT, Records
from colorflax.disk import files, lock
from colorflax.errors import UserError
from colorflax.preparation import packing, plan, survey
from colorflax.preparation.job import Job
from colorflax.preparation.sources import Source, expand


def run(job: Job) -> bool:
    """Prepare; whether every file could be had and decoded.

    Raises:
        UserError: a source is missing, no photograph is left, `job.out` cannot be
            written, or was begun with other photographs or flags.
    """
    try:
        sources = expand(job.names, job.out)  # before anything is made
        if (job.out / "audit.csv").exists() and not job.progress.exists():
            raise UserError(f"{job.out}: holds another audit.csv; name another --out")
        with lock.hold(job.progress / "lock", "--out"):
            begun = any(job.out.glob("records*")) or (job.out / ABOUT).exists()
            # While no record follows from a plan, another is as good.
            before = plan.read(job.progress / "plan.json") if begun else None
            if begun and before is None:
                raise UserError(
                    f"{job.out}: holds records, but not the plan they were made by "
                    f"({job.progress}); name another --out"
                )
            if not begun:
                _backbone(job).unlink(missing_ok=True)
            if job.refresh:
                return _refresh(job, sources, before)
            if before is not None and (job.out / ABOUT).exists():
                return _confirm(job, sources, before)
            return _continue(job, sources, before)
    except OSError as error:
        raise UserError(
            f"{error.filename or job.out}: cannot be read or written "
            f"({error.strerror or error}); mend that and run the same command again"
        ) from None


def _confirm(job: Job, sources: list[Source], before: plan.Plan) -> bool:
    """A finished folder is left as it is; downloads may be gone by now."""
    local = [source for source in sources if source.url is None]
    measured = survey.measure(job, local)
    found: dict[str, str | None] = {source.name: None for source in sources}
    found |= {s.name: m.sha256 for s, m in zip(local, measured, strict=True)}
    # Nothing more will be encoded, whatever Pillow there is by now.
    same = {"pillow": before.settings.get("pillow")}
    before.compare(job.settings | same, found)
    return _complete(job, before)


def _complete(job: Job, made_by: plan.Plan) -> bool:
    print(f"{job.out}: complete with {len(Records(job.out)):,} records")
    return made_by.sound


def _refresh(job: Job, sources: list[Source], before: plan.Plan | None) -> bool:
    """What has been downloaded and measured is kept; records, where nothing changed."""
    now = survey.planned(job, sources, survey.survey(job, sources, None))
    if job.audit_only:
        return now.sound
    if now != before:
        lost = [name for name in now.failed if before and before.files.get(name)]
        if lost:
            raise UserError(
                f"{lost[0]}: cannot be fetched now, but is one of the records, which "
                f"stay as they are ({len(lost)} such); try later, or name another --out"
            )
        # In this order, so that there are never records without the plan they follow.
        for path in (job.out / ABOUT, *job.out.glob("records*"), _backbone(job)):
            path.unlink(missing_ok=True)
        now.write(job.progress / "plan.json")
    elif (job.out / ABOUT).exists():
        return _complete(job, now)
    _pack(job, sources, now)
    return now.sound


def _continue(job: Job, sources: list[Source], before: plan.Plan | None) -> bool:
    if before is not None:  # the names first: it saves fetching what is refused later
        before.compare(job.settings, {source.name: None for source in sources})
    found = survey.survey(job, sources, before)
    if before is not None:
        before.compare(job.settings, dict(found.hashes))
    if job.audit_only:
        return all(verdict.word != "failed" for verdict in found.verdicts)
    if before is None:
        before = survey.planned(job, sources, found)
        before.write(job.progress / "plan.json")
    _pack(job, sources, before)
    return before.sound


def _backbone(job: Job) -> Path:
    return job.progress / "backbone.json"


def _pack(job: Job, sources: list[Source], before: plan.Plan) -> None:
    embedder, backbone = job.embedder() if job.embedder else (None, None)
    recorded = _backbone(job)
    text = json.dumps(backbone).encode()
    if recorded.exists() and recorded.read_bytes() != text:
        raise UserError(
            f"the backbone's weights are not those in {recorded}, with which this "
            f"--out was begun ({backbone} now); restore them, or name another --out"
        )
    files.write(recorded, text)
    paths = {source.name: source.path for source in sources}
    packing.write_shards(
        job.out,
        [(sha256, paths[name]) for sha256, name in before.kept],
        job.form,
        job.packing,
        embedder,
        job.threads,
    )
    hashes = [sha256 for sha256, _ in before.kept]
    about = {
        "backbone": backbone,
        "settings": before.settings,
        "counts": before.counts,
    }
    shards.finish(job.out, hashes, job.packing.shard, about)
    total = sum(p.stat().st_size for p in job.out.glob("records-*.array_record"))
    print(
        f"{job.out}: {len(hashes):,} records, {total / 1e6:,.1f} MB, "
        f"{total / len(hashes):,.0f} bytes each"
    )

"""The steps from sources to records, each of which goes on where it was stopped.

Nothing depends on an earlier, stopped run until the plan is written: downloads and
measurements are facts about files. After it, everything follows from the plan.
"""

import collections
import dataclasses
import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import PIL

from colorflax import files, lock
from colorflax.data import shards
from colorflax.data.records import ABOUT, Records
from colorflax.errors import UserError
from colorflax.preparation import audit, journal, packing, parallel, plan, report
from colorflax.preparation.download import Limits, fetch
from colorflax.preparation.measure import Measured
from colorflax.preparation.reencode import Format
from colorflax.preparation.sources import Source, expand

_log = logging.getLogger(__name__)
_SHOWN = 20  # failed files named on stderr; audit.csv names all

Backbone = dict[str, str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
    """What to prepare, from what, in which form.

    Attributes:
        names: folders, photographs, text files of addresses.
        out: the folder for everything written.
        audit_only: stop before the records.
        threads: that decode and encode.
        embedding: further settings that change the records, by flag.
        embedder: makes the embeddings and says whose they are; None for none.
    """

    names: Sequence[str]
    out: Path
    audit_only: bool
    threads: int
    form: Format
    packing: packing.Packing
    thresholds: audit.Thresholds
    limits: Limits
    embedding: dict[str, Any]
    embedder: Callable[[], tuple[packing.Embedder, Backbone]] | None

    @property
    def progress(self) -> Path:
        """The folder of what lets a stopped run go on."""
        return self.out / "progress"

    @property
    def settings(self) -> dict[str, Any]:
        """Every flag that changes the records, and the library that encodes them."""
        settings = {"pillow": PIL.__version__, **self.embedding}
        for group in (self.form, self.packing, self.thresholds):
            settings |= dataclasses.asdict(group)
        return settings


def run(job: Job) -> bool:
    """Prepare; whether every file could be had and decoded.

    Raises:
        UserError: a source is missing, no photograph is left, `job.out` cannot be
            written, or was begun with other photographs or flags.
    """
    try:
        with lock.hold(job.progress / "lock", "--out"):
            sources = expand(job.names, job.out / "downloads")
            before = plan.read(job.progress / "plan.json")
            if before is None and any(job.out.glob("records*")):
                raise UserError(
                    f"{job.out}: holds records, but not the plan they were made by "
                    f"({job.progress}); name another --out"
                )
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
    measured = _measure(job, local)
    found: dict[str, str | None] = {source.name: None for source in sources}
    found |= {s.name: m.sha256 for s, m in zip(local, measured, strict=True)}
    before.compare(job.settings, found)
    print(f"{job.out}: complete with {len(Records(job.out)):,} records")
    return before.sound


def _continue(job: Job, sources: list[Source], before: plan.Plan | None) -> bool:
    if before is not None:  # the names first: it saves fetching what is refused later
        before.compare(job.settings, {source.name: None for source in sources})
    failed = _download(job, sources, before)
    measured = [
        Measured(error=failed[source.name]) if source.name in failed else m
        for source, m in zip(sources, _measure(job, sources), strict=True)
    ]
    verdicts = _judge(job, sources, measured, failed)
    hashes = {s.name: m.sha256 for s, m in zip(sources, measured, strict=True)}
    if before is not None:
        before.compare(job.settings, dict(hashes))
    if job.audit_only:
        return all(verdict.word != "failed" for verdict in verdicts)
    if before is None:
        kept = [
            (m.sha256, source.name)
            for source, m, verdict in zip(sources, measured, verdicts, strict=True)
            if not verdict.reason
        ]
        if not kept:
            raise UserError(
                f"none of {len(sources)} photographs is left; {job.out / 'audit.csv'} "
                "says why, and each threshold is a flag"
            )
        before = plan.Plan(
            settings=job.settings,
            files=hashes,
            failed=failed,
            counts=dict(collections.Counter(v.reason or "ok" for v in verdicts)),
            kept=sorted(kept),
        )
        before.write(job.progress / "plan.json")
    _pack(job, sources, before)
    return before.sound


def _download(
    job: Job, sources: list[Source], before: plan.Plan | None
) -> dict[str, str]:
    """Fetch what is not here; why each of the others could not be had."""
    failed = dict(before.failed) if before else {}
    wanted = [s for s in sources if s.url and s.name not in failed]
    missing = [source for source in wanted if not source.path.exists()]

    def get(source: Source) -> tuple[str, str | None]:
        return source.name, fetch(source.name, source.path, job.limits)

    connections = job.limits.connections
    # One slow server must not keep the others waiting: results are small.
    results = parallel.ordered(get, missing, connections, ahead=1024)
    done = len(wanted) - len(missing)
    for name, problem in parallel.track(results, len(wanted), "download", done):
        if problem is not None:
            failed[name] = problem
    return failed


def _measure(job: Job, sources: list[Source]) -> list[Measured]:
    paths = [source.path for source in sources]
    return journal.measure_all(paths, job.progress / "measured.jsonl", job.threads)


def _judge(
    job: Job,
    sources: list[Source],
    measured: list[Measured],
    failed: dict[str, str],
) -> list[audit.Verdict]:
    names = [source.name for source in sources]
    verdicts = audit.judge(names, measured, job.thresholds)
    for i, name in enumerate(names):
        if name in failed:
            verdicts[i] = audit.Verdict("download", failed[name])
    bad = [i for i, verdict in enumerate(verdicts) if verdict.word == "failed"]
    for i in bad[:_SHOWN]:
        _log.error("%s: %s", names[i], " ".join(verdicts[i].detail.split()))
    if len(bad) > _SHOWN:
        _log.error("%d more failed; audit.csv names them", len(bad) - _SHOWN)
    report.write_csv(job.out / "audit.csv", names, measured, verdicts)
    report.write_contact_sheet(
        job.out / "dropped.jpg", names, [source.path for source in sources], verdicts
    )
    print(report.table(verdicts))
    return verdicts


def _pack(job: Job, sources: list[Source], before: plan.Plan) -> None:
    embedder, backbone = job.embedder() if job.embedder else (None, None)
    recorded = job.progress / "backbone.json"
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

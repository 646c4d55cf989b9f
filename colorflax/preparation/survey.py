"""What the sources hold now: fetched, measured, judged; and the plan that follows."""

import collections
import dataclasses
import logging
import threading

from colorflax.errors import UserError
from colorflax.preparation import audit, journal, parallel, plan, report
from colorflax.preparation.download import fetch
from colorflax.preparation.job import Job
from colorflax.preparation.measure import Measured
from colorflax.preparation.sources import Source

_log = logging.getLogger(__name__)
_SHOWN = 20  # failed files named on stderr; audit.csv names all


@dataclasses.dataclass(frozen=True)
class Survey:
    """What was found out about the sources."""

    failed: dict[str, str]  # downloads, and why
    hashes: dict[str, str]
    verdicts: list[audit.Verdict]


def survey(job: Job, sources: list[Source], before: plan.Plan | None) -> Survey:
    """Download, measure and judge them, and report that."""
    failed = _download(job, sources, before)
    measured = [
        Measured(error=failed[source.name]) if source.name in failed else m
        for source, m in zip(sources, measure(job, sources), strict=True)
    ]
    verdicts = _judge(job, sources, measured, failed)
    hashes = {s.name: m.sha256 for s, m in zip(sources, measured, strict=True)}
    return Survey(failed, hashes, verdicts)


def measure(job: Job, sources: list[Source]) -> list[Measured]:
    """Each file decoded once, if not in an earlier run."""
    paths = [source.path for source in sources]
    return journal.measure_all(paths, job.progress / "measured.jsonl", job.threads)


def planned(job: Job, sources: list[Source], found: Survey) -> plan.Plan:
    """What to write.

    Raises:
        UserError: no photograph is left.
    """
    kept = [
        (found.hashes[source.name], source.name)
        for source, verdict in zip(sources, found.verdicts, strict=True)
        if not verdict.reason
    ]
    if not (kept or job.audit_only):
        raise UserError(
            f"none of {len(sources)} photographs is left; {job.out / 'audit.csv'} "
            "says why, and each threshold is a flag"
        )
    return plan.Plan(
        settings=job.settings,
        files=found.hashes,
        failed=found.failed,
        counts=dict(collections.Counter(v.reason or "ok" for v in found.verdicts)),
        kept=sorted(kept),
    )


def _download(
    job: Job, sources: list[Source], before: plan.Plan | None
) -> dict[str, str]:
    """Fetch what is not here; why each of the others could not be had."""
    failed = dict(before.failed) if before else {}
    wanted = [s for s in sources if s.url and s.name not in failed]
    missing = [source for source in wanted if not source.path.exists()]

    over = threading.Event()

    def get(source: Source) -> tuple[str, str | None]:
        return source.name, fetch(source.name, source.path, job.limits, over)

    connections = job.limits.connections
    # One slow server must not keep the others waiting: results are small.
    results = parallel.ordered(get, missing, connections, 1024, over)
    done = len(wanted) - len(missing)
    for name, problem in parallel.track(results, len(wanted), "download", done):
        if problem is not None:
            failed[name] = problem
    return failed


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

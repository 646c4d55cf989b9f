"""Sources change: `prepare --refresh` makes the records anew, and never with less."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import NoReturn

import jobs
import PIL
import pytest
import web

from colorflax.data.records import ABOUT, Records
from colorflax.errors import UserError
from colorflax.preparation import download, run
from colorflax.preparation.job import Job

Server = tuple[str, list[str], set[str]]


@pytest.fixture
def server() -> Iterator[Server]:
    """Pictures by number; what it was asked for; what it pretends not to have."""
    down: set[str] = set()

    def answer(request: BaseHTTPRequestHandler, name: str, times: int) -> None:
        del times
        code = 404 if name in down else 200
        web.send(request, jobs.jpeg(int(name)), code)

    with web.serving(answer) as (address, asked):
        yield address, asked, down


def _job(server: Server, tmp_path: Path, **changes: object) -> Job:
    addresses = tmp_path / "list.txt"
    addresses.write_text("\n".join(f"{server[0]}/{i}" for i in range(4)))
    limits = download.Limits(retries=0)
    return jobs.job([str(addresses)], tmp_path / "out", limits=limits, **changes)


def test_what_failed_is_had_at_last(server: Server, tmp_path: Path) -> None:
    _, asked, down = server
    job = _job(server, tmp_path)
    again = _job(server, tmp_path, refresh=True)
    down.update({"1", "3"})
    assert not run.run(job)
    assert len(Records(job.out)) == 2
    down.remove("1")
    asked.clear()
    assert not run.run(job)  # the same command again: the same records
    assert asked == []
    assert not run.run(again)
    assert sorted(asked) == ["1", "3"]  # and what had come is not fetched again
    assert len(Records(job.out)) == 3
    down.clear()
    assert run.run(again)
    assert run.run(job)
    assert len(Records(job.out)) == 4


def test_refreshed_records_are_those_of_a_first_run(tmp_path: Path) -> None:
    folder, out = jobs.folder(tmp_path / "in", 5), tmp_path / "out"
    assert run.run(jobs.job([str(folder)], out))
    (folder / "0.png").unlink()
    jobs.picture(9).save(folder / "new.png")
    with pytest.raises(UserError, match=r"new.png is new.*--refresh"):
        run.run(jobs.job([str(folder)], out))
    assert run.run(jobs.job([str(folder)], out, refresh=True))
    assert run.run(jobs.job([str(folder)], tmp_path / "first"))
    assert jobs.contents(out) == jobs.contents(tmp_path / "first")
    # Nothing has changed since: nothing is written.
    dates = {path: path.stat().st_mtime_ns for path in out.glob("records*")}
    assert run.run(jobs.job([str(folder)], out, refresh=True))
    assert {path: path.stat().st_mtime_ns for path in out.glob("records*")} == dates


def test_a_refresh_that_was_stopped_goes_on(tmp_path: Path) -> None:
    folder, out = jobs.folder(tmp_path / "in", 3), tmp_path / "out"
    run.run(jobs.job([str(folder)], out))
    jobs.picture(9).save(folder / "new.png")
    again = jobs.job([str(folder)], out, refresh=True)
    run.run(again)
    expected = jobs.contents(out)
    for path in out.glob("records*"):  # killed after the plan, or before it
        path.unlink()
    assert run.run(again)
    assert jobs.contents(out) == expected


def test_a_finished_folder_outlives_its_pillow(tmp_path: Path) -> None:
    folder, out = jobs.folder(tmp_path / "in", 3), tmp_path / "out"
    job = jobs.job([str(folder)], out)
    assert run.run(job)
    plan = out / "progress" / "plan.json"
    plan.write_text(plan.read_text().replace(PIL.__version__, "1.7.8"))
    before = jobs.contents(out)
    assert run.run(job)
    assert jobs.contents(out) == before
    # Not what is half-finished: what is encoded from here on may come out otherwise.
    (out / ABOUT).unlink()
    with pytest.raises(UserError, match=r"Pillow was 1\.7\.8 and is"):
        run.run(job)


def test_a_plan_without_records_binds_nobody(tmp_path: Path) -> None:
    """Its first run got no further; what was wrong is mended, and more is changed."""
    folder, out = jobs.folder(tmp_path / "in", 3), tmp_path / "out"

    def missing() -> NoReturn:
        raise UserError("no such weights")

    with pytest.raises(UserError, match="no such weights"):
        run.run(jobs.job([str(folder)], out, embedder=missing))
    assert (out / "progress" / "plan.json").exists()
    (folder / "0.png").unlink()
    jobs.picture(9).save(folder / "new.png")
    assert run.run(jobs.job([str(folder)], out))
    assert run.run(jobs.job([str(folder)], tmp_path / "first"))
    assert jobs.contents(out) == jobs.contents(tmp_path / "first")


def test_records_are_not_given_up_for_a_network(server: Server, tmp_path: Path) -> None:
    """Downloads were deleted, as they may be, and a server is gone."""
    job = _job(server, tmp_path)
    assert run.run(job)
    before = jobs.contents(job.out)
    for path in (job.out / "downloads").iterdir():
        path.unlink()
    server[2].add("2")
    with pytest.raises(UserError, match="/2: cannot be fetched now, but is one of the"):
        run.run(_job(server, tmp_path, refresh=True))
    assert jobs.contents(job.out) == before

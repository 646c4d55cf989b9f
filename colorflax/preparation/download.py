"""Photographs from the web: each file whole or not at all, and never anything else.

Only http and https are spoken, also after a redirect, so that a list of addresses from
somebody else cannot read local files.
"""

import dataclasses
import hashlib
import http.client
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from colorflax.disk import files
from colorflax.errors import UserError
from colorflax.preparation.options import option

_CHUNK = 2**16


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits:
    """How long, how often and how much is tried for one address."""

    timeout: float = option(
        20.0, "s, to wait for a server to answer, and for each piece of its answer", 0.1
    )
    patience: float = option(300.0, "s, for one whole download", 0.1)
    retries: int = option(
        4, "how often a download is tried again when a network or a server fails", 0
    )
    backoff: float = option(1.0, "s before the first retry; doubles each time", 0.0)
    max_megabytes: float = option(50.0, "give up downloads larger than this", 0.001)
    connections: int = option(16, "downloads at the same time", 1, 256)


class _RefusedError(Exception):
    """No retry will help; the message says why."""


class _Redirects(urllib.request.HTTPRedirectHandler):
    def http_error_302(
        self,
        req: urllib.request.Request,
        fp: Any,
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
    ) -> object:
        target = urllib.parse.urljoin(req.full_url, headers.get("location", ""))
        if not is_web(target):
            fp.close()
            raise _RefusedError(f"redirects to {target}, which is not http or https")
        return super().http_error_302(req, fp, code, msg, headers)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


def is_web(url: str) -> bool:
    """Whether an address begins with http:// or https://."""
    return url.lower().startswith(("http://", "https://"))


def read_list(path: Path) -> list[str]:
    """The addresses in a text file: one a line, without what follows a ` #`."""
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except FileNotFoundError:
        raise UserError(f"{path}: no such file or folder") from None
    except (OSError, UnicodeDecodeError):
        raise UserError(
            f"{path}: neither a folder nor a text file of addresses, one a line"
        ) from None
    lines = [line.strip().split(" #")[0].strip() for line in lines]
    return list(dict.fromkeys(x for x in lines if x and not x.startswith("#")))


def place(url: str, folder: Path) -> Path:
    """The file that an address is kept in."""
    return folder / hashlib.sha256(url.encode()).hexdigest()


def fetch(
    url: str, target: Path, limits: Limits, over: threading.Event | None = None
) -> str | None:
    """Download one file unless it is there; what went wrong, or None.

    Nothing is begun, or waited for between two pieces, once it is `over`.

    Raises:
        UserError: `target` cannot be written.
    """
    if target.exists():
        return None
    if not is_web(url):
        return "not an http or https address"
    problem, over = "", over or threading.Event()
    for attempt in range(limits.retries + 1):
        if over.wait(limits.backoff * 2 ** (attempt - 1) if attempt else 0):
            return "stopped"
        try:
            content = _get(url, limits, over)
        except _RefusedError as error:
            return str(error)
        except urllib.error.HTTPError as error:
            error.close()
            problem = f"the server says {error.code} {error.reason}"
            if error.code < 500 and error.code not in (408, 425, 429):
                return problem
        except urllib.error.URLError as error:
            problem = f"no answer ({error.reason})"
        except (OSError, http.client.HTTPException) as error:
            problem = f"the connection broke ({error or type(error).__name__})"
        except ValueError as error:
            return f"not an address ({error})"
        else:
            _keep(target, content)
            return None
    return f"{problem}, tried {limits.retries + 1} times"


def _get(url: str, limits: Limits, over: threading.Event) -> bytes:
    quoted = urllib.parse.quote(url, safe="%/:=&?~#+!$,;'@()*[]|")
    request = urllib.request.Request(quoted, headers={"User-Agent": "colorflax"})
    end = time.monotonic() + limits.patience
    most = int(limits.max_megabytes * 1e6)
    with _opener().open(request, timeout=limits.timeout) as response:
        expected = int(response.headers.get("Content-Length") or -1)
        content = bytearray()
        # read1 gives what has come, so that a server that drips is noticed.
        while expected <= most and (piece := response.read1(_CHUNK)):
            content += piece
            if len(content) > most:
                break
            if over.is_set():
                raise _RefusedError("stopped")
            if time.monotonic() > end:
                raise TimeoutError(f"not whole after {limits.patience:g} s")
    if max(expected, len(content)) > most:
        raise _RefusedError(f"longer than --max_megabytes={limits.max_megabytes:g}")
    if expected >= 0 and len(content) != expected:
        raise ConnectionError(f"{len(content)} of {expected} bytes came")
    return bytes(content)


def _opener() -> urllib.request.OpenerDirector:
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _Redirects(),
    ):
        opener.add_handler(handler)
    return opener


def _keep(target: Path, content: bytes) -> None:
    try:
        files.write(target, content)
    except OSError as error:
        raise UserError(f"{target}: cannot be written ({error.strerror})") from None

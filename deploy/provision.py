#!/usr/bin/env python3
"""Sets a Langfuse server of your own up, once or again: secrets, organisation, project, keys, the application's .env.

    python3 deploy/provision.py --start

1. makes ``server.env`` beside this file, mode 0600, with random secrets; what stands in it already stays as it is,
2. with ``--start``, starts the containers of ``compose.yaml`` with it; the server makes organisation, project, keys and
   first user from ``LANGFUSE_INIT_*`` where they are not there yet,
3. waits until the server is healthy and accepts the project's keys,
4. writes its address and the keys into the application's ``.env``, mode 0600; other lines there stay as they are.

It needs nothing but Python 3.10, and prints no secret. Doing it again changes nothing that is right.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).absolute().parent
PATIENCE = 300.0
_PAUSE = 0.5
_TIMEOUT = 5.0


class Failed(Exception):
    """Says why it cannot go on, and what to do."""


def make_settings(options: argparse.Namespace) -> dict[str, Callable[[], str]]:
    """Return what the server needs to be told, and how each is made where it is not there yet."""

    def random() -> str:
        return secrets.token_hex(24)  # letters and digits only: some of them become parts of addresses

    return {
        "NEXTAUTH_URL": lambda: options.base_url,
        "LANGFUSE_PORT": lambda: str(urllib.parse.urlsplit(options.base_url).port or 3000),
        "POSTGRES_PASSWORD": random,
        "CLICKHOUSE_PASSWORD": random,
        "REDIS_PASSWORD": random,
        "MINIO_PASSWORD": random,
        "SALT": random,
        "NEXTAUTH_SECRET": random,
        "ENCRYPTION_KEY": lambda: secrets.token_hex(32),  # 256 bits, as the server requires
        "LANGFUSE_INIT_ORG_ID": lambda: _identifier(options.organisation),
        "LANGFUSE_INIT_ORG_NAME": lambda: options.organisation,
        "LANGFUSE_INIT_PROJECT_ID": lambda: _identifier(options.project),
        "LANGFUSE_INIT_PROJECT_NAME": lambda: options.project,
        "LANGFUSE_INIT_PROJECT_PUBLIC_KEY": lambda: f"pk-lf-{uuid.uuid4()}",
        "LANGFUSE_INIT_PROJECT_SECRET_KEY": lambda: f"sk-lf-{uuid.uuid4()}",
        "LANGFUSE_INIT_USER_EMAIL": lambda: options.email,
        "LANGFUSE_INIT_USER_NAME": lambda: "admin",
        "LANGFUSE_INIT_USER_PASSWORD": random,
    }


def read_settings(path: Path) -> dict[str, str]:
    """Return the settings of a file of ``NAME=value`` lines; empty where there is none."""
    if not path.exists():
        return {}
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    return {name.removeprefix("export ").strip(): value.strip().strip("\"'") for name, value in pairs}


def keep_settings(path: Path, settings: dict[str, str]) -> bool:
    """Bring a file of ``NAME=value`` lines up to date, and close it to others.

    Returns:
        Whether something in it has changed.
    """
    there = read_settings(path)
    new = {name: value for name, value in settings.items() if there.get(name) != value}
    if not new:
        path.chmod(0o600)
        return False
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    kept = [line for line in lines if line.split("=", 1)[0].removeprefix("export ").strip() not in new]
    _write(path, "\n".join([*kept, *(f"{name}={value}" for name, value in new.items())]) + "\n")
    return True


def wait_until_healthy(base_url: str, patience: float) -> str:
    """Wait for the server's health check; returns its version."""
    deadline = time.monotonic() + patience
    reason = ""
    while time.monotonic() < deadline:
        status, answer, reason = _get(f"{base_url}/api/public/health", None)
        if status == 200 and isinstance(answer, dict):
            return str(answer.get("version", "unknown"))
        time.sleep(_PAUSE)
    raise Failed(
        f"{base_url} is not healthy after {patience:.0f} s ({reason}). See: docker compose -p langfuse logs web"
    )


def check_keys(base_url: str, settings: dict[str, str], file: Path) -> str:
    """See whether the server accepts the project's keys; returns the project's name."""
    public, secret = (settings[f"LANGFUSE_INIT_PROJECT_{kind}_KEY"] for kind in ("PUBLIC", "SECRET"))
    token = base64.b64encode(f"{public}:{secret}".encode()).decode("ascii")
    status, answer, reason = _get(f"{base_url}/api/public/projects", f"Basic {token}")
    if status in (401, 403):
        raise Failed(
            f"the server does not accept the keys of {file}. It was set up before with others: its volumes remember "
            "those. Put them into that file, or start anew with `docker compose -p langfuse down --volumes`, which "
            "deletes all that it holds"
        )
    if status != 200 or not isinstance(answer, dict) or not answer.get("data"):
        raise Failed(f"the server does not tell its projects ({reason or f'HTTP {status}'})")
    return str(answer["data"][0].get("name"))


def main() -> int:
    """Set up as the command line says; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base-url", help="where the server is reached; http://localhost:3000, or that of server.env")
    parser.add_argument("--server-env", type=Path, default=HERE / "server.env", help="the server's secrets")
    parser.add_argument("--application-env", type=Path, default=Path(".env"), help="the application's environment")
    parser.add_argument("--organisation", default="Agents")
    parser.add_argument("--project", default="agents")
    parser.add_argument("--email", default="admin@example.com", help="of the first user, who owns the organisation")
    parser.add_argument("--start", action="store_true", help="start the containers of compose.yaml")
    parser.add_argument("--secrets-only", action="store_true", help="make server.env, and no more")
    parser.add_argument("--patience", type=float, default=PATIENCE, help="seconds to wait for the server")
    options = parser.parse_args()
    try:
        _provision(options)
    except (Failed, OSError) as failure:
        print(f"provision: {failure}", file=sys.stderr)
        return 1
    return 0


def _provision(options: argparse.Namespace) -> None:
    there = read_settings(options.server_env)
    if options.base_url:  # said anew: the server's pages are to know of it as well
        there = {name: value for name, value in there.items() if name not in ("NEXTAUTH_URL", "LANGFUSE_PORT")}
    options.base_url = (options.base_url or there.get("NEXTAUTH_URL") or "http://localhost:3000").rstrip("/")
    if not options.base_url.startswith(("http://", "https://")):
        raise Failed("--base-url must begin with http:// or https://")
    settings = {name: there.get(name) or make() for name, make in make_settings(options).items()}
    if any(not value.isprintable() for value in settings.values()):
        raise Failed("names and addresses must stand on one line")
    changed = keep_settings(options.server_env, settings)
    print(f"secrets: {options.server_env} " + ("was written" if changed else "is complete"))
    if options.secrets_only:
        return
    if options.start:
        command = ["docker", "compose", "--env-file", str(options.server_env), "-f", str(HERE / "compose.yaml")]
        if subprocess.run([*command, "up", "--detach"], check=False).returncode:
            raise Failed("docker compose could not start the server")
    version = wait_until_healthy(options.base_url, options.patience)
    print(f"server: {options.base_url} is healthy, version {version}")
    print(f"project: {check_keys(options.base_url, settings, options.server_env)}, whose keys are accepted")
    application = {
        "LANGFUSE_BASE_URL": options.base_url,
        "LANGFUSE_PUBLIC_KEY": settings["LANGFUSE_INIT_PROJECT_PUBLIC_KEY"],
        "LANGFUSE_SECRET_KEY": settings["LANGFUSE_INIT_PROJECT_SECRET_KEY"],
    }
    changed = keep_settings(options.application_env, application)
    print(f"application: {options.application_env} " + ("was written" if changed else "is right"))
    print("next: tracing-proxies doctor --langfuse; tracing-proxies dashboards sync")


def _get(url: str, authorization: str | None) -> tuple[int, Any, str]:
    """Return status, body and what went wrong; no redirect is followed, since the keys are for this server only."""
    request = urllib.request.Request(url)
    if authorization is not None:
        request.add_unredirected_header("Authorization", authorization)
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=_TIMEOUT) as reply:
            return reply.status, json.load(reply), ""
    except urllib.error.HTTPError as error:
        error.close()
        return error.code, None, f"HTTP {error.code}"
    except (OSError, ValueError) as error:
        return 0, None, str(getattr(error, "reason", None) or type(error).__name__)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        """Follow none."""


def _write(path: Path, text: str) -> None:
    """Put a file in the place of another one, readable by its owner only from the first byte on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def _identifier(name: str) -> str:
    return "-".join("".join(char if char.isalnum() else " " for char in name.lower()).split()) or "agents"


if __name__ == "__main__":
    sys.exit(main())

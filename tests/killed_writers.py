"""Writers in processes of their own that are killed at random: what each had acknowledged until then."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]


def acknowledged_until_killed(program: str, path: Path, *, kills: int, seed: int) -> set[str]:
    """Run a program over and over, kill each run with signal 9, and return the lines that all of them told whole.

    The program is told the path and a name of the run, and writes a line whenever something is acknowledged.
    """
    rng, acknowledged = random.Random(seed), set[str]()
    for number in range(kills):
        child = subprocess.Popen(
            [sys.executable, "-c", program, str(path), f"r{number}"], cwd=ROOT, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert child.stdout is not None
        first = child.stdout.readline()
        time.sleep(rng.uniform(0.0, 0.15))
        child.send_signal(signal.SIGKILL)
        output = first + child.stdout.read()
        child.wait()
        acknowledged |= {line for line in output.split("\n")[:-1] if line}
    assert len(acknowledged) >= kills
    return acknowledged

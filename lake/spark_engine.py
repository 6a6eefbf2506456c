"""A Spark session whose Java process we start and stop ourselves, so that it needs no more Java than runs Spark's own code.

Spark's launcher asks the Java runtime for the module `jdk.incubator.vector`, which small runtimes leave out and which only its
machine learning uses; its other scripts need a shell. So the gateway is started here, with the options of the launcher
(`org.apache.spark.launcher.JavaModuleOptions`) but without that module, and PySpark is told of it through the two environment
variables that it reads for this. Everything listens on the loopback address alone.
"""

import os
import struct
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyspark
from pyspark.sql import SparkSession

from lake.errors import JavaMissing, SparkNotStarted

__all__ = ["SparkEngine"]

# said at every conversion; the two are used together in the conformance tests, which would find a difference
warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas", category=FutureWarning)

LOOPBACK = "127.0.0.1"
START_SECONDS = 120.0
STOP_SECONDS = 20.0
POLL_SECONDS = 0.05
LOG_TAIL = 1500
OPENED = (
    "java.lang", "java.lang.invoke", "java.lang.reflect", "java.io", "java.net", "java.nio", "java.util", "java.util.concurrent",
    "java.util.concurrent.atomic", "jdk.internal.ref", "sun.nio.ch", "sun.nio.cs", "sun.security.action", "sun.util.calendar",
)  # fmt: skip
JAVA_OPTIONS = (
    "-XX:+IgnoreUnrecognizedVMOptions",
    *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENED),
    "--add-opens=java.security.jgss/sun.security.krb5=ALL-UNNAMED",
    "-Djdk.reflect.useDirectMethodHandle=false",
    "-Dio.netty.tryReflectionSetAccessible=true",
    "-Dio.netty.noUnsafe=false",
    "-Djava.net.preferIPv4Stack=true",
)


class SparkEngine:
    """One Spark session in a process of its own; PySpark allows one at a time in a Python process.

    Args:
        java: the `java` of a runtime of version 17 or newer.
        cores: tasks at once.
        memory: of the Java process, as Java writes sizes.
        java_options: more options of the Java process.
        settings: more settings of the session, by Spark's names.

    `session` is the session, `folder` what it may write to: it is gone when the engine stops.

    Raises:
        JavaMissing: there is no such program.
        SparkNotStarted: it ended, or did not answer within two minutes.
    """

    def __init__(
        self,
        java: Path,
        *,
        cores: int = 2,
        memory: str = "2g",
        java_options: Sequence[str] = (),
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="shelfgraph-spark-")
        self.folder = Path(self._temporary.name)
        self._process = _launch(java, self.folder, (f"-Xmx{memory}", *java_options))
        try:
            port, secret = _gateway(self._process, self.folder)
            with _gateway_in_environment(port, secret):
                self.session = _session(self.folder, cores, settings or {})
        except BaseException:
            self._end()
            raise

    @property
    def pid(self) -> int:
        """The number of the Java process."""
        return self._process.pid

    def stop(self) -> None:
        """End the session and its process. Stopping twice is allowed."""
        if self._process.poll() is None:
            self.session.stop()
        _forget_gateway()
        self._end()

    def _end(self) -> None:
        if self._process.stdin is not None:
            # the gateway ends when its input does
            self._process.stdin.close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._temporary.cleanup()


def _launch(java: Path, folder: Path, options: Sequence[str]) -> "subprocess.Popen[bytes]":
    home = Path(pyspark.__file__).parent
    command = [str(java), *options, *JAVA_OPTIONS, "-cp", f"{home}/jars/*"]
    command += ["org.apache.spark.deploy.SparkSubmit", "--master", "local[1]", "pyspark-shell"]
    own = {"SPARK_HOME": str(home), "SPARK_LOCAL_IP": LOOPBACK, "SPARK_CONNECT_MODE": "0"}
    environment = {**os.environ, **own, "_PYSPARK_DRIVER_CONN_INFO_PATH": str(folder / "gateway")}
    with (folder / "log").open("wb") as log:
        try:
            # constant arguments and the caller's own Java
            return subprocess.Popen(  # noqa: S603 - an argument list without a shell
                command, env=environment, cwd=folder, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT
            )
        except OSError as error:
            raise JavaMissing(str(java)) from error


def _gateway(process: "subprocess.Popen[bytes]", folder: Path) -> tuple[int, str]:
    """Return the port and the secret of the gateway once it has written them down."""
    told = folder / "gateway"
    deadline = time.monotonic() + START_SECONDS
    while not told.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise SparkNotStarted((folder / "log").read_text(errors="replace")[-LOG_TAIL:])
        time.sleep(POLL_SECONDS)
    written = told.read_bytes()
    port, length = struct.unpack(">ii", written[:8])
    return port, written[8 : 8 + length].decode()


@contextmanager
def _gateway_in_environment(port: int, secret: str) -> Iterator[None]:
    os.environ.update({"PYSPARK_GATEWAY_PORT": str(port), "PYSPARK_GATEWAY_SECRET": secret})
    try:
        yield
    finally:
        del os.environ["PYSPARK_GATEWAY_PORT"], os.environ["PYSPARK_GATEWAY_SECRET"]


def _session(folder: Path, cores: int, more: Mapping[str, str]) -> SparkSession:
    settings = {
        "spark.driver.host": LOOPBACK,
        "spark.driver.bindAddress": LOOPBACK,
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.local.dir": str(folder),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.sql.shuffle.partitions": str(2 * cores),
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        "spark.sql.ansi.enabled": "true",
        **more,
    }
    builder = SparkSession.builder.master(f"local[{cores}]").appName("shelfgraph")
    for name, value in settings.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def _forget_gateway() -> None:
    """PySpark keeps the gateway for the life of the Python process; the next session must find its own."""
    context = pyspark.SparkContext
    if context._gateway is not None:  # noqa: SLF001 - PySpark has no public way to let go of it
        context._gateway.shutdown()  # noqa: SLF001 - as above
    context._gateway = context._jvm = None  # noqa: SLF001 - as above

"""The configuration file of a local server: loopback only, its own folders, nothing reported to anybody."""

from dataclasses import dataclass
from pathlib import Path

from kg.neo4j_store.server.installing import Installation

__all__ = ["ServerOptions", "configuration_text"]

JVM_OPTIONS = (
    "-XX:+UseG1GC",
    "-XX:-OmitStackTraceInFastThrow",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djava.awt.headless=true",
    "-Djdk.nio.maxCachedBufferSize=1024",
    "-Dio.netty.tryReflectionSetAccessible=true",
    "-Dlog4j2.disable.jmx=true",
    "--add-opens=java.base/java.nio=ALL-UNNAMED",
    "--add-opens=java.base/java.io=ALL-UNNAMED",
    "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
    "--enable-native-access=ALL-UNNAMED",
)


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """What a user may choose. `heap` and `pagecache` are sizes as Neo4j writes them, such as `2g`."""

    bolt_port: int
    heap: str
    pagecache: str
    jvm_options: tuple[str, ...] = ()


def configuration_text(home: Path, installation: Installation, options: ServerOptions) -> str:
    """Return `neo4j.conf` for a server whose data, logs and settings lie below `home`."""
    settings = {
        "server.directories.lib": str(installation.libraries),
        "server.directories.plugins": str(installation.plugins),
        "server.directories.data": str(home / "data"),
        "server.directories.logs": str(home / "logs"),
        "server.directories.run": str(home / "run"),
        "server.directories.import": str(home / "import"),
        "server.default_listen_address": "127.0.0.1",
        "server.bolt.enabled": "true",
        "server.bolt.listen_address": f"127.0.0.1:{options.bolt_port}",
        "server.bolt.advertised_address": f"127.0.0.1:{options.bolt_port}",
        # tells drivers when to give a silent connection up; the default is two minutes
        "server.bolt.connection_keep_alive": "10s",
        "server.http.enabled": "false",
        "server.https.enabled": "false",
        "dbms.security.auth_enabled": "true",
        "dbms.security.procedures.unrestricted": "gds.*",
        "dbms.security.procedures.allowlist": "gds.*",
        "dbms.usage_report.enabled": "false",
        "client.allow_telemetry": "false",
        "server.memory.heap.initial_size": options.heap,
        "server.memory.heap.max_size": options.heap,
        "server.memory.pagecache.size": options.pagecache,
        "db.tx_log.rotation.retention_policy": "keep_none",
        # two writers that wait for each other's lock are told so, instead of waiting for ever
        "db.lock.acquisition.timeout": "10m",
    }
    lines = [f"{name}={value}" for name, value in settings.items()]
    lines += [f"server.jvm.additional={option}" for option in (*JVM_OPTIONS, *options.jvm_options)]
    return "\n".join(lines) + "\n"

"""The container files, as far as they can be checked without an engine: form, sources, commands, settings, secrets.

What is not run here: building the image, starting the containers. The shell steps of the service's stage are run, though, in a
clean virtual environment and over a copy of exactly the files that the image holds.
"""

import ast
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from api.settings import Settings

REQUIRED_VARIABLE = re.compile(r"\$\{(?P<name>[A-Z0-9_]+):\?[^}]+\}")
SERVICE_KEYS = {
    "build", "command", "configs", "depends_on", "environment", "healthcheck", "image", "network_mode", "ports", "profiles",
    "restart", "volumes",
}  # fmt: skip


@pytest.fixture(scope="module")
def compose(project_root: Path) -> dict:
    return yaml.safe_load((project_root / "docker-compose.yml").read_text())


@pytest.fixture(scope="module")
def instructions(project_root: Path) -> list[tuple[str, str]]:
    """The Dockerfile's instructions with continued lines joined."""
    lines = [line for line in (project_root / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [tuple(line.split(None, 1)) for line in joined.splitlines() if line.strip()]


def test_the_services_and_their_keys_are_those_of_the_compose_specification(compose: dict) -> None:
    assert set(compose) == {"name", "services", "configs", "volumes"}
    assert set(compose["services"]) == {"neo4j", "postgres", "redis", "gateway", "api"}
    for service in compose["services"].values():
        assert set(service) <= SERVICE_KEYS
        assert re.fullmatch(r"[a-z0-9./-]+:[a-z0-9.]+", service["image"])


def test_every_named_volume_config_and_dependency_is_declared(compose: dict) -> None:
    used = {mount.partition(":")[0] for service in compose["services"].values() for mount in service.get("volumes", [])}
    assert used == set(compose["volumes"])
    configs = {config["source"] for service in compose["services"].values() for config in service.get("configs", [])}
    assert configs == set(compose["configs"])
    for service in compose["services"].values():
        for name, wish in service.get("depends_on", {}).items():
            assert wish["condition"] != "service_healthy" or "healthcheck" in compose["services"][name]


def test_every_service_says_how_it_is_known_to_be_well(compose: dict, instructions) -> None:
    own_image = {name for name, service in compose["services"].items() if "build" in service}
    assert own_image == {"api"}
    assert "HEALTHCHECK" in dict(instructions)
    for name, service in compose["services"].items():
        if name not in own_image:
            assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")


def test_no_secret_stands_in_the_file(compose: dict, project_root: Path) -> None:
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|KEY|AUTH|SECRET|TOKEN", name):
                assert REQUIRED_VARIABLE.search(str(value)), name
    text = (project_root / "docker-compose.yml").read_text()
    described = set(re.findall(r"^#   (SHELFGRAPH_[A-Z0-9_]+)", text, flags=re.MULTILINE))
    assert {match["name"] for match in REQUIRED_VARIABLE.finditer(text)} == described


def test_nothing_is_published_but_the_gateway_on_loopback(compose: dict) -> None:
    published = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert published == {"gateway": ["127.0.0.1:8080:8000"]}
    assert compose["services"]["api"]["network_mode"] == "service:gateway"


def test_neo4j_is_the_tested_series_with_graph_data_science(compose: dict) -> None:
    from kg.neo4j_store.server import NEO4J_VERSION

    neo4j = compose["services"]["neo4j"]
    assert neo4j["image"] == f"neo4j:{NEO4J_VERSION.rpartition('.')[0]}"
    assert "graph-data-science" in neo4j["environment"]["NEO4J_PLUGINS"]


def test_the_api_s_environment_is_made_of_settings_that_are_accepted(compose: dict, monkeypatch) -> None:
    environment = compose["services"]["api"]["environment"]
    fields = {f"SHELFGRAPH_{name.upper()}" for name in Settings.model_fields}
    assert set(environment) <= fields
    for name, value in environment.items():
        monkeypatch.setenv(name, REQUIRED_VARIABLE.sub("a-value-of-the-user", str(value)))
    settings = Settings()
    assert (settings.store, settings.neo4j_uri, settings.port) == ("neo4j", "bolt://neo4j:7687", 8080)
    assert f"127.0.0.1:{settings.port}" in compose["configs"]["caddyfile"]["content"]


def test_the_image_s_environment_is_made_of_settings(instructions) -> None:
    pairs = [pair for name, value in instructions if name == "ENV" for pair in shlex.split(value)]
    given = dict(pair.split("=", 1) for pair in pairs)
    fields = {f"SHELFGRAPH_{name.upper()}" for name in Settings.model_fields}
    assert {name for name in given if name.startswith("SHELFGRAPH_")} <= fields
    assert given["SHELFGRAPH_HOST"] == "127.0.0.1"


def test_every_copied_source_exists_and_is_not_ignored(instructions, project_root: Path) -> None:
    ignored = (project_root / ".dockerignore").read_text().splitlines()
    admitted = {line[1:] for line in ignored if line.startswith("!")}
    copies = [shlex.split(value) for name, value in instructions if name == "COPY"]
    sources = [source for words in copies if not words[0].startswith("--from") for source in words[:-1]]
    assert len(sources) > 15
    for source in sources:
        assert (project_root / source).exists(), source
        assert source.partition("/")[0] in admitted, source
    assert "web/dist" in ignored
    assert "web/node_modules" in ignored


def test_the_image_holds_every_room(instructions, project_root: Path) -> None:
    rooms = {path.parent.name for path in project_root.glob("*/__init__.py")} - {"tests"}
    copied = {value.split()[0] for name, value in instructions if name == "COPY"}
    assert rooms <= copied


def test_the_install_is_locked_by_hashes_and_the_service_is_not_root(instructions) -> None:
    installs = [part for name, value in instructions if name == "RUN" for part in value.split("&&") if "pip install" in part]
    assert installs
    assert all("--require-hashes" in part for part in installs)
    names = [name for name, _ in instructions]
    assert names.index("USER") < names.index("CMD")
    assert dict(instructions)["USER"] == "shelfgraph"
    assert ("FROM", "python:3.11-slim AS service") in instructions


def test_every_named_command_exists(instructions, project_root: Path) -> None:
    import typer.main

    from cli.main import app

    commands = set(typer.main.get_command(app).commands)
    assert ast.literal_eval(dict(instructions)["CMD"]) == ["shelfgraph", "serve"]
    used = re.findall(r"shelfgraph ([a-z]+)", (project_root / "docker-compose.yml").read_text())
    assert "demo" in used
    assert {"serve", *used} <= commands
    launcher = next(value for name, value in instructions if name == "RUN" and "/usr/local/bin/shelfgraph" in value)
    assert "from cli.main import main; main()" in launcher


def test_the_health_check_is_python_and_asks_a_route_that_exists(instructions, project_root: Path) -> None:
    command = ast.literal_eval(dict(instructions)["HEALTHCHECK"].partition("CMD ")[2])
    assert command[:2] == ["python", "-c"]
    ast.parse(command[2])
    assert "/health" in command[2]
    assert '"/health"' in (project_root / "api" / "app.py").read_text()


def test_the_shell_steps_of_the_image_are_sound_shell(instructions, tmp_path: Path) -> None:
    steps = [value for name, value in instructions if name == "RUN"]
    assert len(steps) >= 5
    for step in steps:
        found = subprocess.run(["/bin/sh", "-n", "-c", step], capture_output=True, text=True, check=False)
        assert found.returncode == 0, found.stderr


@dataclass(frozen=True)
class ServiceStage:
    """The image's service stage, built in folders: its working folder, its programs, its environment."""

    folder: Path
    programs: Path
    environment: dict[str, str]

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=600, check=False
        )


def steps_of_the_service(instructions) -> list[tuple[str, str]]:
    start = instructions.index(("FROM", "python:3.11-slim AS service"))
    return instructions[start + 1 :]


def copy_sources(project_root: Path, folder: Path, words: list[str]) -> None:
    """Do what COPY does: a file keeps its name in a folder, a folder's content goes into the named one."""
    *sources, target = words
    for source in sources:
        origin = project_root / source
        if origin.is_dir():
            # what .dockerignore keeps out
            shutil.copytree(origin, folder / target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            (folder / target).mkdir(parents=True, exist_ok=True)
            shutil.copy(origin, folder / target)


@pytest.fixture(scope="module")
def service(instructions, project_root: Path, tmp_path_factory: pytest.TempPathFactory) -> ServiceStage:
    """The stage's copies and its steps for packages and launcher, in order; not those for the system's users and packages."""
    root = tmp_path_factory.mktemp("image")
    folder, programs, python = root / "srv", root / "bin", root / "python"
    folder.mkdir()
    programs.mkdir()
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, python], check=True)
    path = os.pathsep.join([str(programs), str(python / "bin"), "/usr/bin", "/bin"])
    kept = {name: os.environ[name] for name in os.environ if name.startswith(("UV_", "PIP_", "SSL_", "HTTP", "http", "NO_PROXY"))}
    home = {"HOME": str(Path.home()), "VIRTUAL_ENV": str(python), "PATH": path, "SHELFGRAPH_HOME": str(root / "home")}
    stage = ServiceStage(folder, programs, {**kept, **home, "PYTHONPATH": str(folder)})
    done: list[str] = []
    for name, value in steps_of_the_service(instructions):
        words = shlex.split(value)
        if name == "COPY" and not words[0].startswith("--from"):
            copy_sources(project_root, folder, words)
        if name == "RUN" and ("pip install" in value or "/usr/local/bin" in value):
            # uv reads the same files and hashes, and has the packages of this checkout at hand
            step = value.replace("pip install --no-cache-dir", f"{uv} pip install --quiet")
            result = stage.run("/bin/sh", "-e", "-c", step.replace("/usr/local/bin", str(programs)))
            assert result.returncode == 0, result.stderr[-3000:]
            done.append(value)
    assert len(done) == 2
    return stage


@pytest.mark.full
@pytest.mark.timeout(900)
def test_the_service_is_imported_from_what_the_image_holds(service: ServiceStage) -> None:
    found = service.run("python", "-c", "import api.app; print(api.app.__file__)")
    assert found.returncode == 0, found.stderr[-3000:]
    assert found.stdout.strip() == str(service.folder / "api" / "app.py")


@pytest.mark.full
@pytest.mark.timeout(900)
def test_the_launcher_of_the_image_shows_every_command(service: ServiceStage) -> None:
    said = service.run("shelfgraph", "--help")
    assert said.returncode == 0, said.stderr[-3000:]
    for command in ("serve", "ingest", "graph", "train", "neo4j", "doctor"):
        assert command in said.stdout
    assert service.run("shelfgraph", "graph", "--help").returncode == 0


@pytest.mark.full
@pytest.mark.timeout(900)
def test_only_locked_packages_of_the_service_are_in_the_image(service: ServiceStage, project_root: Path) -> None:
    listed = service.run(str(Path(sys.executable).with_name("uv")), "pip", "list", "--format", "freeze")
    installed = {line.partition("==")[0].lower() for line in listed.stdout.splitlines()}
    locked = {
        line.partition("==")[0].lower()
        for name in ("bootstrap", "run")
        for line in (project_root / "requirements" / f"{name}.txt").read_text().splitlines()
        if "==" in line
    }
    assert installed
    assert installed <= locked
    assert "pytest" not in installed

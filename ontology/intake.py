"""The only place where RDF is parsed.

RDF parsers were made for trusted files: entity expansion in RDF/XML holds one for minutes, JSON-LD contexts and imports reach
out to the network, and very long literals take seconds each. So a document is scanned first, in one linear pass, and
parsed only when it is Turtle or N-Triples within the limits below. Nothing is ever fetched.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from rdflib import Graph
from rdflib.exceptions import ParserError
from rdflib.namespace import OWL
from rdflib.plugins.parsers.notation3 import BadSyntax

from ontology.errors import UnreadableDocument, UnsafeDocument

__all__ = ["IntakeLimits", "read_folder", "read_rdf", "read_text"]

FORMATS = {".ttl": "turtle", ".nt": "nt"}
BASE_IRI = "https://shelfgraph.dev/document/"
"""Relative IRIs resolve against this, never against a path of the machine."""

_TOKEN = re.compile(
    r'"""(?P<long>(?:[^"\\]|\\.|"(?!""))*+)"""'
    r"|'''(?P<long_single>(?:[^'\\]|\\.|'(?!''))*+)'''"
    r'|"(?P<short>(?:[^"\\\n\r]|\\.)*+)"'
    r"|'(?P<short_single>(?:[^'\\\n\r]|\\.)*+)'"
    r"|<(?P<iri>[^<>\"\s{}|^`]*+)>"
    r"|(?P<comment>\#[^\n]*+)"
    r"|(?P<open>[\[(])|(?P<close>[\])])"
    r"|(?P<stray>[\"'<])",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class IntakeLimits:
    """What a document may at most be. Sizes are bytes of UTF-8, but for `literal` and `iri`, which count characters."""

    document_bytes: int = 16 * 1024 * 1024
    literal_characters: int = 64 * 1024
    iri_characters: int = 2 * 1024
    nesting: int = 64
    triples: int = 1_000_000


DEFAULT_LIMITS = IntakeLimits()


def read_folder(folder: Path, limits: IntakeLimits = DEFAULT_LIMITS) -> Graph:
    """Read every Turtle file of a folder, in the order of names, into one graph. Raises: as `read_rdf`."""
    files = sorted(folder.glob("*.ttl"))
    if not files:
        raise UnreadableDocument(folder.name, "the folder holds no .ttl file.")
    graph = Graph()
    for file in files:
        graph += read_rdf(file, limits)
    return graph


def read_rdf(path: Path, limits: IntakeLimits = DEFAULT_LIMITS) -> Graph:
    """Read one Turtle or N-Triples file, told apart by its suffix.

    Raises: UnsafeDocument for another form or beyond a limit; UnreadableDocument when missing or not well formed.
    """
    form = FORMATS.get(path.suffix.lower())
    if form is None:
        raise UnsafeDocument(path.name, f"'{path.suffix}' is neither .ttl nor .nt.")
    try:
        with path.open("rb") as file:
            content = file.read(limits.document_bytes + 1)
    except OSError as error:
        raise UnreadableDocument(path.name, str(error)) from error
    return read_text(content, form, path.name, limits)


def read_text(content: bytes | str, form: str, name: str, limits: IntakeLimits = DEFAULT_LIMITS) -> Graph:
    """Parse a document held in memory; `form` is `turtle` or `nt`. Raises: as `read_rdf`."""
    if form not in FORMATS.values():
        raise UnsafeDocument(name, f"the form '{form}' is not taken, only turtle and nt.")
    text = _decoded(content, name, limits)
    _refuse_xml(text, name)
    _scan(text, name, limits)
    graph = _parsed(text, form, name)
    if len(graph) > limits.triples:
        raise UnsafeDocument(name, f"it has {len(graph)} triples, {limits.triples} are allowed.")
    if (None, OWL.imports, None) in graph:
        raise UnsafeDocument(name, "it imports other documents (owl:imports).")
    return graph


def _decoded(content: bytes | str, name: str, limits: IntakeLimits) -> str:
    data = content.encode() if isinstance(content, str) else content
    if len(data) > limits.document_bytes:
        raise UnsafeDocument(name, f"it is larger than {limits.document_bytes} bytes.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableDocument(name, f"it is not UTF-8 ({error.reason} at byte {error.start}).") from error


def _refuse_xml(text: str, name: str) -> None:
    start = text[:1024].lstrip().lower()
    if start.startswith(("<?xml", "<rdf:rdf", "<!")) or "<!doctype" in text.lower():
        raise UnsafeDocument(name, "it is XML, or holds a DOCTYPE.")
    if start.startswith("{"):
        raise UnsafeDocument(name, "it is JSON.")


def _scan(text: str, name: str, limits: IntakeLimits) -> None:
    depth = 0
    for token in _TOKEN.finditer(text):
        kind = token.lastgroup
        if kind == "open":
            depth += 1
            if depth > limits.nesting:
                raise UnsafeDocument(name, f"it nests more than {limits.nesting} deep.")
        elif kind == "close":
            depth -= 1
        elif kind == "stray":
            # without this a document of unclosed quotes would be scanned to its end once for each of them
            raise UnreadableDocument(name, f"what opens at character {token.start()} is never closed.")
        elif kind == "iri":
            _check_length(token, limits.iri_characters, "an IRI", name)
        elif kind != "comment":
            _check_length(token, limits.literal_characters, "a literal", name)


def _check_length(token: re.Match[str], allowed: int, what: str, name: str) -> None:
    length = token.end() - token.start()
    if length > allowed:
        raise UnsafeDocument(name, f"{what} at character {token.start()} is {length} long, {allowed} are allowed.")


def _parsed(text: str, form: str, name: str) -> Graph:
    graph = Graph()
    try:
        graph.parse(data=text, format=form, publicID=BASE_IRI)
    # beside its own two errors the parser lets these slip out on damaged input
    except (BadSyntax, ParserError, ValueError, LookupError, AssertionError, AttributeError, RecursionError, TypeError) as error:
        raise UnreadableDocument(name, _first_lines(str(error))) from error
    return graph


def _first_lines(cause: str) -> str:
    return " ".join(cause.split())[:300]

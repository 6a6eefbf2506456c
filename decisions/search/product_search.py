"""Search over products by whole and partial words, in an index that is built in memory from a published graph.

The caller's text is split into words and never parsed as a query language. A word matches itself, or, as a beginning,
the longer words of the catalogue ("choc" finds chocolate), or, when it has no match at all, words one letter away.
All words must match; when no product has them all, products that have some are returned.
"""

import re
import unicodedata
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tantivy

from decisions.search.contract import SearchAnswer, SearchHit, SearchRequest
from decisions.search.errors import SearchRequestInvalid
from kg.ports import ArrayGraph, Direction

__all__ = ["ProductSearch"]

WORD = re.compile(r"[^\W_]+")
WORDS_ASKED = 12
WORDS_PER_BEGINNING = 24
MAXIMUM_TEXT = 200
MAXIMUM_LIMIT = 100
MAXIMUM_OFFSET = 10_000
FUZZY_FROM_LETTERS = 4
INDEX_HEAP_BYTES = 256_000_000  # one segment, so that equal scores keep the order of insertion
BEGINNING_BOOST = 0.6
FUZZY_BOOST = 0.3
FIELDS = {"name": 3.0, "product_type": 3.0, "category": 2.0, "brand": 1.0, "size": 1.0, "product_id": 8.0}


@dataclass(frozen=True, slots=True)
class _Catalogue:
    """Columns over all products, in position order."""

    ids: Sequence[str]
    texts: dict[str, list[str]]
    merchandise: Sequence[bool]
    popularity: np.ndarray


class ProductSearch:
    """Answers `SearchRequest`s over one graph version. Build once; searching from several threads is allowed."""

    def __init__(self, index: tantivy.Index, vocabulary: Counter[str]) -> None:
        self._index = index
        self._searcher = index.searcher()
        self._words = sorted(vocabulary)
        self._frequency = vocabulary

    @classmethod
    def build(cls, graph: ArrayGraph) -> "ProductSearch":
        """Index all products of a graph: name, type, category path, brand and size; the most bought first among equals."""
        catalogue = _read_catalogue(graph)
        index = tantivy.Index(_schema())
        writer = index.writer(heap_size=INDEX_HEAP_BYTES, num_threads=1)
        vocabulary: Counter[str] = Counter()
        for document in _documents(catalogue, vocabulary):
            writer.add_document(document)
        writer.commit()
        writer.wait_merging_threads()
        index.reload()
        return cls(index, vocabulary)

    def search(self, request: SearchRequest) -> SearchAnswer:
        """Return the best matches. An empty text matches nothing. Raises: SearchRequestInvalid."""
        _check(request)
        asked = list(dict.fromkeys(_words_of(request.text)))[:WORDS_ASKED]
        if not asked:
            return SearchAnswer(request.text, 0, ())
        per_word = [self._word_query(word) for word in asked]
        for occur in (tantivy.Occur.Must, tantivy.Occur.Should):
            found = self._run([(occur, query) for query in per_word], request)
            if found.count or len(per_word) == 1:
                break
        return SearchAnswer(request.text, found.count, tuple(self._hits(found)))

    def _run(self, clauses: list[tuple[Any, tantivy.Query]], request: SearchRequest) -> Any:
        query = tantivy.Query.boolean_query(clauses)
        if request.merchandise_only:
            merchandise = tantivy.Query.term_query(self._index.schema, "merchandise", field_value=True)
            query = tantivy.Query.boolean_query([
                (tantivy.Occur.Must, query), (tantivy.Occur.Must, tantivy.Query.const_score_query(merchandise, 0.0)),
            ])  # fmt: skip
        return self._searcher.search(query, limit=request.limit, offset=request.offset, weight_by_field="popularity")

    def _hits(self, found: Any) -> Iterator[SearchHit]:
        for score, address in found.hits:
            yield SearchHit(str(self._searcher.doc(address).get_first("product_id")), round(float(score), 4))

    def _word_query(self, word: str) -> tantivy.Query:
        longer = self._longer_words(word)
        clauses = [self._term(field, word, boost) for field, boost in FIELDS.items()]
        clauses += [self._term(field, w, boost * BEGINNING_BOOST) for w in longer for field, boost in FIELDS.items()]
        if not longer and word not in self._frequency and len(word) >= FUZZY_FROM_LETTERS:
            clauses += [self._fuzzy(field, word, boost) for field, boost in FIELDS.items() if field != "product_id"]
        return tantivy.Query.disjunction_max_query(clauses, 0.1)

    def _longer_words(self, beginning: str) -> list[str]:
        start = bisect_left(self._words, beginning)
        end = bisect_left(self._words, beginning + "\U0010ffff")
        longer = [word for word in self._words[start:end] if word != beginning]
        return sorted(longer, key=lambda word: (-self._frequency[word], word))[:WORDS_PER_BEGINNING]

    def _term(self, field: str, word: str, boost: float) -> tantivy.Query:
        return tantivy.Query.boost_query(tantivy.Query.term_query(self._index.schema, field, word), boost)

    def _fuzzy(self, field: str, word: str, boost: float) -> tantivy.Query:
        query = tantivy.Query.fuzzy_term_query(self._index.schema, field, word, distance=1, prefix=False)
        return tantivy.Query.boost_query(query, boost * FUZZY_BOOST)


def _check(request: SearchRequest) -> None:
    if len(request.text) > MAXIMUM_TEXT:
        raise SearchRequestInvalid(f"the text has {len(request.text)} characters, {MAXIMUM_TEXT} are allowed")
    if not 1 <= request.limit <= MAXIMUM_LIMIT:
        raise SearchRequestInvalid(f"the limit is {request.limit}, 1 to {MAXIMUM_LIMIT} are allowed")
    if not 0 <= request.offset <= MAXIMUM_OFFSET:
        raise SearchRequestInvalid(f"the offset is {request.offset}, 0 to {MAXIMUM_OFFSET} are allowed")


def _words_of(text: str) -> list[str]:
    """Lower-case words of letters and digits without accents."""
    plain = unicodedata.normalize("NFKD", text)
    folded = "".join(c for c in plain if not unicodedata.combining(c)).casefold()
    return [word[:40] for word in WORD.findall(folded)]


def _schema() -> Any:
    builder = tantivy.SchemaBuilder()
    for field in FIELDS:
        builder.add_text_field(field, stored=field == "product_id", tokenizer_name="raw", index_option="freq")
    builder.add_boolean_field("merchandise", indexed=True)
    builder.add_float_field("popularity", fast=True)
    return builder.build()


def _documents(catalogue: _Catalogue, vocabulary: Counter[str]) -> Iterator[tantivy.Document]:
    """One document per product, the most popular first; the words of each field are values of their own."""
    ceiling = max(float(catalogue.popularity.max(initial=0.0)), 1.0)
    weight = np.log1p(catalogue.popularity) / np.log1p(ceiling)  # 0 to 1: at most doubles no score, see `weight_by_field`
    known: dict[str, list[str]] = {}
    for row in np.lexsort((np.arange(len(catalogue.ids)), -catalogue.popularity)):
        document = tantivy.Document()
        document.add_text("product_id", catalogue.ids[row])
        for field, column in catalogue.texts.items():
            words = known.get(column[row])
            if words is None:
                words = known[column[row]] = _words_of(column[row])
            for word in words:
                document.add_text(field, word)
            vocabulary.update(words)
        document.add_boolean("merchandise", bool(catalogue.merchandise[row]))
        document.add_float("popularity", float(weight[row]))
        yield document


def _read_catalogue(graph: ArrayGraph) -> _Catalogue:
    ids = graph.ids("Product")
    names = _merged(_column(graph, "name"), _column(graph, "display_name"))
    texts = {
        "name": names,
        "product_type": _column(graph, "product_type"),
        "category": _targets(graph, "inCategory", graph.ids("ProductCategory"), len(ids)),
        "brand": _targets(graph, "ofBrand", graph.ids("Brand"), len(ids)),
        "size": _column(graph, "size"),
    }
    merchandise = [value is not False for value in graph.column("Product", "merchandise").to_pylist()]
    return _Catalogue(ids, texts, merchandise, _popularity(graph))


def _column(graph: ArrayGraph, name: str) -> list[str]:
    return [value or "" for value in graph.column("Product", name).to_pylist()]


def _merged(first: Iterable[str], second: Iterable[str]) -> list[str]:
    return [f"{a} {b}".strip() if a != b else a for a, b in zip(first, second, strict=True)]


def _targets(graph: ArrayGraph, relation: str, ids: Sequence[str], products: int) -> list[str]:
    """The text of each product's targets of a relation, such as its category's path."""
    adjacency = graph.adjacency(relation, Direction.OUT)
    present = np.diff(adjacency.indptr) > 0
    one = np.full(products, -1)
    one[present] = adjacency.neighbours[adjacency.indptr[:-1][present]]
    return [ids[at] if at >= 0 else "" for at in one.tolist()]


def _popularity(graph: ArrayGraph) -> np.ndarray:
    """In how many baskets each product lies; where the graph holds no baskets, how lately it was sold."""
    if graph.counts().get("contains", 0):
        return np.diff(graph.adjacency("contains", Direction.IN).indptr).astype(np.float64)
    days = [value.toordinal() if value else 0 for value in graph.column("Product", "last_sold").to_pylist()]
    newest = max(days, default=0)
    return np.array([1.0 / (1 + newest - day) if day else 0.0 for day in days], dtype=np.float64)

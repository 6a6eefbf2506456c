"""What other rooms may import from `ontology` is listed and there, and RDF libraries stay behind it."""

import ast

import ontology


def test_every_listed_name_is_there_and_nothing_else_is_meant():
    assert len(ontology.__all__) == len(set(ontology.__all__)) == 18
    for name in ontology.__all__:
        assert getattr(ontology, name) is not None


def test_rdf_is_parsed_in_one_place_only(project_root):
    parsing = []
    for file in sorted(project_root.joinpath("ontology").glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in ("parse", "load", "query", "update")
            ):
                parsing.append((file.name, node.func.attr))
    # `rows.update` of a set of paths is no SPARQL
    assert parsing == [("intake.py", "parse"), ("taxonomy.py", "update")]

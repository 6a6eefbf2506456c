"""Requirements that tests name are on the page, and the marks are where the list looks for them."""

import re
from pathlib import Path

from tests.requirements import named_requirements, requirements


def test_every_named_requirement_is_on_the_page() -> None:
    every, named = requirements(), named_requirements()
    assert len(every) == 123
    assert set(named) <= set(every)
    assert "R-AUD-01" in named


def test_no_mark_is_overlooked(project_root: Path) -> None:
    texts = [path.read_text() for path in (project_root / "tests").rglob("test_*.py") if path.name != Path(__file__).name]
    marks = sum(len(re.findall(r"mark\.requirement\(", text)) for text in texts)
    assert marks == sum(map(len, named_requirements().values()))

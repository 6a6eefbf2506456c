"""What the terminal shows of numbers."""

import pytest

from cli.terminal import hundredths, show_table


@pytest.mark.parametrize(
    ("units", "shown"), [(1.624e-07, "0"), (-1e-9, "0"), (0.0128, "0.01"), (128.84, "128.8"), (2345.6, "2,346")]
)
def test_units_are_shown_in_hundredths_and_never_in_powers_of_ten(capsys, units, shown):
    show_table("Units", ("low",), [(hundredths(units),)])
    cells = [line.strip("│ \n") for line in capsys.readouterr().out.splitlines() if line.startswith("│")]
    assert cells == [shown]

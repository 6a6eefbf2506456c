"""BenchError
├── DataSetUnknown   the benchmark cannot measure on the named data set
├── PathNotUsed      a path was given without the name of the data that lie there
├── DataMissing      the data set that the benchmark needs is not where it was said to be
├── DataDamaged      a file of the data set does not hold what it should
└── DayFixed         the benchmark measures as of the last day of the data alone
"""

from kit.errors import ShelfgraphError

__all__ = ["BenchError", "DataDamaged", "DataMissing", "DataSetUnknown", "DayFixed", "PathNotUsed"]


class BenchError(ShelfgraphError):
    """A benchmark was asked for something that it does not measure."""


class DataSetUnknown(BenchError):
    """The benchmark cannot measure on the named data set."""

    def __init__(self, bench: str, data: str, known: tuple[str, ...]) -> None:
        self.data = data
        others = f" or name one of {', '.join(known)}" if known else ""
        super().__init__(f"`bench {bench}` cannot measure on '{data}'.", f"Leave --data out for the demo data{others}.")


class PathNotUsed(BenchError):
    """A path was given without the name of the data that lie there."""

    def __init__(self, bench: str) -> None:
        remedy = "Leave --path out, or name --data too."
        super().__init__(f"`bench {bench}` reads the installation's own data, not a path.", remedy)


class DataMissing(BenchError):
    """The data set that the benchmark needs is not where it was said to be."""

    def __init__(self, bench: str, data: str, files: tuple[str, ...]) -> None:
        self.data = data
        needed = f"`bench {bench}` measures on {', '.join(files)} of the data set {data}, which it was not given."
        super().__init__(needed, f"Add --data {data} --path FOLDER, the folder that holds them.")


class DataDamaged(BenchError):
    """A file of the data set does not hold what it should."""

    def __init__(self, data: str, file: str, problem: str) -> None:
        self.data = data
        self.file = file
        super().__init__(f"{file} of the data set {data} cannot be read: {problem}", "Fetch the data set again.")


class DayFixed(BenchError):
    """The benchmark measures as of the last day of the data alone."""

    def __init__(self, bench: str) -> None:
        super().__init__(f"`bench {bench}` measures as of the last day of the data alone.", "Leave --as-of out.")

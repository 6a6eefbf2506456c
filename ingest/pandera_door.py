"""The door to pandera, which sets variables of the whole process when it is imported.

One of them, `PYARROW_IGNORE_TIMEZONE`, makes pyarrow read the wall clock of an aware time as if it were UTC: every time
zone in the process would be lost without a word. The environment is therefore put back as it was found. It would also import
all of Spark, where that is installed, at every start of every command: it is told that there is none.
"""

import os
import sys

_found = dict(os.environ)
_spark = sys.modules.get("pyspark")
sys.modules["pyspark"] = None  # type: ignore[assignment] # how an import is refused
import pandera.pandas as pandera  # noqa: E402 - between the two looks at the environment
from pandera.errors import SchemaErrors  # noqa: E402 - as above

del sys.modules["pyspark"]
if _spark is not None:
    sys.modules["pyspark"] = _spark
for _name in set(os.environ) - set(_found):
    del os.environ[_name]
os.environ.update(_found)

__all__ = ["SchemaErrors", "pandera"]

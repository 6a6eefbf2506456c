"""The door to pandera, which sets variables of the whole process when it is imported.

One of them, `PYARROW_IGNORE_TIMEZONE`, makes pyarrow read the wall clock of an aware time as if it were UTC: every time
zone in the process would be lost without a word. The environment is therefore put back as it was found.
"""

import os

_found = dict(os.environ)
import pandera.pandas as pandera  # noqa: E402 - between the two looks at the environment
from pandera.errors import SchemaErrors  # noqa: E402 - as above

for _name in set(os.environ) - set(_found):
    del os.environ[_name]
os.environ.update(_found)

__all__ = ["SchemaErrors", "pandera"]

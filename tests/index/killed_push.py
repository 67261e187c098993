"""Pushes an index and kills itself just before its n-th write.

python killed_push.py INDEX ADDRESS WRITE
"""

from __future__ import annotations

import itertools
import os
import signal
import sys

from memguard.index import milvus_push
from memguard.index.milvus_collections import Collections

INDEX, ADDRESS, WRITE = sys.argv[1:]
milvus_push.BATCH = 16
written = itertools.count()
upsert = Collections.upsert


def dying(self, name, rows):
    if rows and next(written) == int(WRITE):
        os.kill(os.getpid(), signal.SIGKILL)
    upsert(self, name, rows)


Collections.upsert = dying
milvus_push.push(INDEX, ADDRESS)

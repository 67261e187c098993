"""A process that appends to an audit log until it is killed.

    python -m benchmarks.soak.other_writer LOG NAME

It prints the request of each line once the line is written.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from memguard import AuditLog

PAUSE_SECONDS = 0.05


def main() -> None:
    log, number = AuditLog(Path(sys.argv[1])), 0
    while True:
        request = f"{sys.argv[2]}-{number}"
        log.append([{"request": request, "matches": []}])
        print(request, flush=True)
        number += 1
        time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    main()

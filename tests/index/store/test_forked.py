"""An index after a fork: refused at once, instead of a hang or a crash."""

from __future__ import annotations

from pathlib import Path

from fixtures.own_process import run_python

from memguard.index.base import BuildSummary

FORK = """
import os, signal, warnings
from memguard import open_index
from memguard.errors import IndexUnavailableError

warnings.simplefilter("ignore")  # Lance's own, at every fork
index = open_index(sys.argv[1])
vectors = index.background("phash64")
attempts = [
    lambda: index.search("phash64", vectors, 1),
    lambda: index.take([5]),
    lambda: index.find("0"),
    lambda: index.background("pixels"),
    lambda: index.health(),
    lambda: open_index(sys.argv[1]),
]
for number, attempt in enumerate(attempts):
    if child := os.fork():
        assert os.waitpid(child, 0)[1] == 0
        continue
    signal.alarm(60)
    try:
        attempt()
    except IndexUnavailableError as error:
        print(number, "before this process was forked" in str(error), flush=True)
    os._exit(0)
print(index.search("phash64", vectors, 1)[0].max())
"""


def test_a_forked_process_is_refused_and_its_parent_goes_on(
    built: tuple[Path, BuildSummary],
) -> None:
    refused = [f"{number} True" for number in range(6)]
    assert run_python(FORK, built[0]) == [*refused, "0.0"]


AFTER = """
import os
from memguard import open_index

if child := os.fork():
    assert os.waitpid(child, 0)[1] == 0
print(len(open_index(sys.argv[1])))
"""


def test_indexes_are_opened_after_a_fork(built: tuple[Path, BuildSummary]) -> None:
    assert run_python(AFTER, built[0]) == ["60", "60"]

"""One command a task: ``nox -s NAME``; ``nox -l`` lists them. All run in the environment of nox."""

from pathlib import Path

import nox

nox.options.default_venv_backend = "none"
nox.options.sessions = ["lint", "types", "contracts", "commits", "docs"]

SUBJECTS_CHECKED_SINCE = "2026-11-25T09:30+00:00"
LONGEST_SUBJECT = 72


@nox.session
def tests(session: nox.Session) -> None:
    """The tests, or those named: nox -s tests -- tests/vision -k crop."""
    session.run("python", "-m", "pytest", *(session.posargs or ["-n", "auto"]))


@nox.session
def fuzz(session: nox.Session) -> None:
    """What reads foreign bytes, a minute for each: nox -s fuzz -- 3600 shard, seconds and targets.

    Needs pip install -e '.[fuzz,test]'.
    """
    seconds, *named = session.posargs or ["60"]
    for target in named or ["decoding", "rights", "manifest", "sealed-manifest", "shard"]:
        session.run("python", "tests/fuzz/run.py", target, seconds)


@nox.session
def lint(session: nox.Session) -> None:
    """Rules and format of the code, without changing it."""
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def fix(session: nox.Session) -> None:
    """Format the code, and fix what ruff can."""
    session.run("ruff", "check", "--fix", ".")
    session.run("ruff", "format", ".")


@nox.session
def types(session: nox.Session) -> None:
    """mypy --strict over the package."""
    session.run("mypy")


@nox.session
def contracts(session: nox.Session) -> None:
    """What may import what, and no circles: [tool.importlinter] in pyproject.toml."""
    session.run("lint-imports")


@nox.session
def commits(session: nox.Session) -> None:
    """Commit subjects are short."""
    if not Path(".git").exists():
        session.skip("not a git checkout")
    log = ["git", "log", f"--since={SUBJECTS_CHECKED_SINCE}", "--no-merges", "--format=%s"]
    subjects = str(session.run(*log, external=True, silent=True)).splitlines()
    if long := [subject for subject in subjects if len(subject) > LONGEST_SUBJECT]:
        session.error(f"longer than {LONGEST_SUBJECT} characters: {long}")


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation as a site in site/; nox -s docs -- serve shows it while you write."""
    command = session.posargs or ["build", "--strict"]
    session.run("mkdocs", *command, env={"NO_MKDOCS_2_WARNING": "1"})


@nox.session
def build(session: nox.Session) -> None:
    """The wheel and the source distribution, in dist/."""
    session.run("hatchling", "build")


@nox.session
def benchmarks(session: nox.Session) -> None:
    """A short run of the index benchmark, to see that it works; results/ stays as it is."""
    scratch = ["--scratch", session.create_tmp()]
    session.run("python", "-m", "benchmarks.index", "search", "together", "--quick", *scratch)

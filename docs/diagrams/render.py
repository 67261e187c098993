"""Draw the Mermaid sources in this folder as SVG files.

The site fetches nothing from the network, so it shows these files instead of running Mermaid in
the reader's browser. Needs Chromium and Mermaid's bundle:

    npm install --prefix /tmp/mermaid mermaid@11
    python docs/diagrams/render.py /tmp/mermaid/node_modules/mermaid/dist/mermaid.min.js
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
SETTINGS = {"startOnLoad": False, "theme": "neutral", "htmlLabels": False}
SETTINGS["flowchart"] = {"htmlLabels": False, "wrappingWidth": 420}
PAGE = """<!doctype html><meta charset="utf-8"><script src="{bundle}"></script><pre id="out"></pre>
<script>
mermaid.initialize({settings});
mermaid.render("diagram", {source}).then(drawn => {{
  document.getElementById("out").innerHTML = drawn.svg;
  document.getElementById("out").firstChild.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  document.title = "drawn";
}});
</script>"""


def fingerprint(source: Path) -> str:
    """Of a Mermaid source; the SVG that was drawn from it repeats it."""
    return hashlib.sha256(source.read_bytes()).hexdigest()


def render(source: Path, bundle: Path) -> None:
    """Write the SVG next to its source."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        text = json.dumps(source.read_text(encoding="utf-8"))
        page.write_text(
            PAGE.format(
                bundle=bundle.resolve().as_uri(), settings=json.dumps(SETTINGS), source=text
            ),
            encoding="utf-8",
        )
        done = subprocess.run(
            [
                "chromium",
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                f"--user-data-dir={folder}/profile",
                "--virtual-time-budget=10000",
                "--dump-dom",
                page.as_uri(),
            ],
            capture_output=True,
            text=True,
            check=True,
        )
    found = re.search(r"<svg.*</svg>", done.stdout, re.DOTALL)
    if found is None:
        raise SystemExit(f"Chromium drew nothing of {source}: {done.stderr}")
    drawn = found[0].replace("<br>", "<br/>").replace("&nbsp;", "&#160;")
    source.with_suffix(".svg").write_text(
        f"<!-- {source.name} {fingerprint(source)} -->\n{drawn}\n", encoding="utf-8"
    )


if __name__ == "__main__":
    for each in sorted(HERE.glob("*.mmd")):
        render(each, Path(sys.argv[1]))

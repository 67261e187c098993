"""Generate an image for each line of a prompt file, and keep copies apart.

    python examples/batch_job.py prompts.txt OUTPUT

OUTPUT gets a folder for each label (``clear``, ``similar``, ``memorized`` ...) and
``verdicts.jsonl``, one line per image. The exit status is 3 if any image is memorized.
"""

import argparse
import json
import sys
from pathlib import Path

from stand_in import pipeline

from memguard import Guard


def run(prompts: list[str], output: Path) -> int:
    """Write the images and verdicts; returns how many images are memorized."""
    watch = Guard("training.memguard", policy="flag")
    flagged = watch.wrap(pipeline)
    output.mkdir(parents=True)
    memorized = 0
    with (output / "verdicts.jsonl").open("w", encoding="utf-8") as lines:
        for number, prompt in enumerate(prompts):
            images = flagged(prompt)
            for place, (image, verdict) in enumerate(zip(images, watch.last_verdicts)):
                file = output / verdict.label / f"{number:06}-{place}.png"
                file.parent.mkdir(exist_ok=True)
                image.save(file)
                line = {"prompt": prompt, "file": str(file), "verdict": verdict.to_json()}
                lines.write(json.dumps(line) + "\n")
                memorized += verdict.label == "memorized"
    return memorized


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prompts", type=Path)
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    prompts = arguments.prompts.read_text(encoding="utf-8").splitlines()
    sys.exit(3 if run(prompts, arguments.output) else 0)

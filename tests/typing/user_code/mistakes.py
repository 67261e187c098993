"""What type checkers must refuse: each line with an ``error`` comment, and no other."""

from PIL import Image

from memguard import Guard, Policy, Verdict, guard


def draw(prompt: str) -> list[Image.Image]:
    """A function of the user's own."""
    return [Image.new("RGB", (8, 8))]


guard(draw, policy="delete")  # error
guard(draw, on_error="ignore")  # error
guard("no pipeline")  # error
Policy("block", at="clear")  # error
guard(draw)(7)  # error
guard(draw).last_verdict  # error
guard(draw, on_verdict=draw)  # error
watch = Guard("training.memguard")
watch.check(7)  # error
verdict: Verdict = watch.last_verdicts[0]
if verdict.label == "copied":  # error
    verdict = watch.last_verdicts[1]
verdict.labels  # error

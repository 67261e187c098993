"""OpenAI's own client, guarded, against a server in the shape of its images endpoint."""

from __future__ import annotations

import asyncio
import base64
import functools
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fixtures.guarded_images import COPY, NOVEL, drawing, is_blank
from fixtures.images_api import ImagesApi, images_api
from fixtures.picture_files import encoded
from openai import AsyncOpenAI, OpenAI
from PIL import Image

from memguard import (
    CheckFailedError,
    Fetch,
    MemorizedImageError,
    UnsupportedOutputError,
    build_index,
    guard,
)

NEW, OLD = drawing(NOVEL), drawing(COPY)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of drawings."""
    root = tmp_path_factory.mktemp("remote")
    (root / "images").mkdir()
    for seed in range(6):
        drawing(seed).save(root / "images" / f"{seed}.png")
    build_index(root / "images", root / "training.memguard", weights={}, calibrate=False, workers=0)
    return root / "training.memguard"


@pytest.fixture
def api() -> Iterator[ImagesApi]:
    """Sends something new, then a copy."""
    with images_api(encoded(NEW), encoded(OLD)) as api:
        yield api


def client(api: ImagesApi) -> OpenAI:
    return OpenAI(base_url=f"{api.address}/v1", api_key="key", max_retries=0)


def later_client(api: ImagesApi) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{api.address}/v1", api_key="key", max_retries=0)


def decoded(text: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(text.rpartition(",")[2])))


def labels(guarded: Any) -> list[str]:
    return [verdict.label for verdict in guarded.last_verdicts]


def test_a_copy_in_base64_is_grey(index: Path, api: ImagesApi) -> None:
    generate = guard(client(api).images.generate, index)
    response = generate(model="gpt-image-1", prompt="a cat", n=2)
    assert type(response).__name__ == "ImagesResponse"
    first, second = response.data
    assert decoded(first.b64_json).tobytes() == NEW.tobytes()
    withheld = decoded(second.b64_json)
    assert (withheld.format, withheld.size, is_blank(withheld)) == ("PNG", OLD.size, True)
    assert second.revised_prompt == "A picture of a cat"
    assert labels(generate) == ["clear", "memorized"]


@pytest.mark.parametrize("form", ["JPEG", "WEBP", "GIF"])
def test_the_placeholder_has_the_same_format(index: Path, form: str) -> None:
    with images_api(encoded(OLD.convert("P") if form == "GIF" else OLD, form)) as api:
        generate = guard(client(api).images.generate, index)
        (image,) = generate(prompt="a cat").data
    withheld = decoded(image.b64_json)
    assert (withheld.format, withheld.size) == (form, OLD.size)
    assert is_blank(withheld.convert("RGB"))


def test_what_is_sent_on_says_nothing_of_the_match(index: Path, api: ImagesApi) -> None:
    response = guard(client(api).images.generate, index)(prompt="a cat", n=2)
    assert "memorization" not in response.to_json()
    assert "memguard" not in response.to_json()
    assert not hasattr(response, "memorization")


def test_policies(index: Path, api: ImagesApi) -> None:
    with pytest.raises(MemorizedImageError):
        guard(client(api).images.generate, index, policy="raise")(prompt="a cat", n=2)
    with images_api(encoded(NEW), encoded(OLD), encoded(OLD), encoded(NEW)) as api:
        generate = guard(client(api).images.generate, index, policy="regenerate")
        response = generate(prompt="a cat", n=2)
    assert [is_blank(decoded(image.b64_json)) for image in response.data] == [False, False]
    assert labels(generate) == ["clear", "clear"]
    assert [request["n"] for request in api.requests] == [2, 1, 1]


def test_a_method_with_arguments_of_its_own(index: Path, api: ImagesApi) -> None:
    partly = functools.partial(client(api).images.generate, prompt="a cat", n=2)
    _, second = guard(partly, index)().data
    assert is_blank(decoded(second.b64_json))


def test_a_dictionary(index: Path, api: ImagesApi) -> None:
    def generate(prompt: str) -> dict[str, Any]:
        return client(api).images.generate(prompt=prompt, n=2).to_dict()

    response = guard(generate, index)("a cat")
    assert response["size"] == "1024x1024"
    assert [is_blank(decoded(image["b64_json"])) for image in response["data"]] == [False, True]


def test_an_async_client(index: Path, api: ImagesApi) -> None:
    async def serve() -> None:
        async with later_client(api) as client:
            generate = guard(client.images.generate, index)
            response = await generate(prompt="a cat", n=2)
            assert [is_blank(decoded(one.b64_json)) for one in response.data] == [False, True]
            assert labels(generate) == ["clear", "memorized"]

    asyncio.run(serve())


def test_a_stream_of_partial_images(index: Path) -> None:
    with images_api(encoded(NEW), encoded(OLD), encoded(OLD)) as api:
        generate = guard(client(api).images.generate, index)
        with generate(prompt="a cat", stream=True, partial_images=2) as stream:
            events = list(stream)
    assert [is_blank(decoded(event.b64_json)) for event in events] == [False, True, True]
    assert events[0].partial_image_index == 0
    assert events[2].type == "image_generation.completed"
    assert events[2].usage.total_tokens == 2


def test_an_async_stream(index: Path, api: ImagesApi) -> None:
    async def serve() -> None:
        async with later_client(api) as client:
            generate = guard(client.images.generate, index)
            stream = await generate(prompt="a cat", stream=True, partial_images=1)
            blank = [is_blank(decoded(event.b64_json)) async for event in stream]
            assert blank == [False, True]

    asyncio.run(serve())


# --- addresses ---


def test_an_address_is_fetched_and_a_copy_becomes_a_data_url(index: Path, api: ImagesApi) -> None:
    generate = guard(client(api).images.generate, index, fetch=Fetch(hosts=[api.host]))
    first, second = generate(prompt="a cat", n=2, response_format="url").data
    assert first.url == f"{api.address}/files/0"
    assert second.url.startswith("data:image/png;base64,")
    assert decoded(second.url).size == OLD.size
    assert is_blank(decoded(second.url))
    assert labels(generate) == ["clear", "memorized"]


def test_what_was_checked_is_handed_on_if_asked_for(index: Path, api: ImagesApi) -> None:
    fetch = Fetch(hosts=[api.host])
    generate = guard(client(api).images.generate, index, fetch=fetch, urls="embed")
    response = generate(prompt="a cat", n=2, response_format="url")
    api.files["/files/0"] = encoded(OLD)
    first, second = response.data
    assert decoded(first.url).tobytes() == NEW.tobytes()
    assert is_blank(decoded(second.url))


def test_an_address_regenerated_is_fetched_too(index: Path) -> None:
    with images_api(encoded(OLD), encoded(NEW)) as api:
        generate = guard(
            client(api).images.generate,
            index,
            policy="regenerate",
            fetch=Fetch(hosts=[api.host]),
            urls="embed",
        )
        (image,) = generate(prompt="a cat", response_format="url").data
    assert decoded(image.url).tobytes() == NEW.tobytes()
    assert labels(generate) == ["clear"]


def test_an_address_that_is_not_fetched_is_withheld(index: Path, api: ImagesApi) -> None:
    options: dict[str, Any] = {"prompt": "a cat", "response_format": "url"}
    generate = guard(client(api).images.generate, index)
    (image,) = generate(**options).data
    assert is_blank(decoded(image.url))
    (verdict,) = generate.last_verdicts
    assert verdict.label == "unchecked"
    assert "127.0.0.1 is at a private address" in verdict.why.replace(": ", " ")
    passes = guard(client(api).images.generate, index, on_error="pass")
    (image,) = passes(**options).data
    assert image.url == f"{api.address}/files/1"
    assert labels(passes) == ["unchecked"]
    api.images.append(b"no image")
    with pytest.raises(CheckFailedError):
        guard(
            client(api).images.generate,
            index,
            on_error="raise",
            fetch=Fetch(hosts=[api.host]),
        )(**options)


@pytest.mark.parametrize("data", [b"no image", b"", encoded(NEW)[:200]])
def test_what_is_behind_an_address_must_be_an_image(index: Path, data: bytes) -> None:
    generate = guard(lambda: ["https://example.org/1"], index, fetch=lambda _: data)
    (shown,) = generate()
    assert is_blank(decoded(shown))
    assert labels(generate) == ["unchecked"]


def test_addresses_are_fetched_by_what_the_user_gives(index: Path) -> None:
    kept = {"s3://bucket/new": encoded(NEW), "s3://bucket/old": encoded(OLD)}
    generate = guard(lambda: list(kept), index, fetch=kept.__getitem__)
    first, second = generate()
    assert first == "s3://bucket/new"
    assert is_blank(decoded(second))


def test_other_shapes(index: Path) -> None:
    text = base64.b64encode(encoded(OLD)).decode()
    shapes: list[Any] = [
        text,
        f"data:image/png;base64,{text}",
        [text],
        (text, "a caption"),
        encoded(OLD),
        {"images": [{"url": f"data:image/png;base64,{text}", "width": 64}], "seed": 1},
        {"artifacts": [{"base64": text, "finishReason": "SUCCESS"}]},
        {"output": [{"type": "image_generation_call", "result": text}, {"text": "Here it is."}]},
    ]
    for shape in shapes:
        generate = guard(lambda shape=shape: shape, index)
        shown = generate()
        assert labels(generate) == ["memorized"]
        assert text not in str(shown)
        assert type(shown) is type(shape)


def test_an_answer_without_images_is_refused(index: Path) -> None:
    for answer in ({"created": 0, "data": []}, {"data": [{"url": None}]}, "/tmp/image.png", ""):
        with pytest.raises(UnsupportedOutputError, match="found no images"):
            guard(lambda answer=answer: answer, index)()


def test_events_of_a_stream_without_images_pass(index: Path) -> None:
    text = base64.b64encode(encoded(OLD)).decode()

    class Events:
        """What a stream of the Responses API sends."""

        def __init__(self) -> None:
            self._rest = iter(
                [
                    {"type": "response.created", "response": {"id": "resp_1", "output": []}},
                    {"type": "response.image_generation_call.partial_image", "b64": text},
                    {"type": "response.output_text.delta", "delta": "Here it is."},
                ]
            )

        def __iter__(self) -> Events:
            return self

        def __next__(self) -> dict[str, Any]:
            return next(self._rest)

        def __enter__(self) -> Events:
            return self

        def __exit__(self, *_: object) -> None: ...

        def close(self) -> None: ...

    generate = guard(lambda: Events(), index)
    called = list(generate.guard.call(generate))
    assert [[one.label for one in verdicts] for _, verdicts in called] == [[], ["memorized"], []]
    assert called[2][0] == {"type": "response.output_text.delta", "delta": "Here it is."}


def test_answers_that_hide_their_images_are_refused(index: Path, api: ImagesApi) -> None:
    raw = guard(client(api).images.with_raw_response.generate, index)
    with pytest.raises(UnsupportedOutputError):
        raw(prompt="a cat")
    svg = base64.b64encode(b"<svg xmlns='http://www.w3.org/2000/svg'/>").decode()
    for hidden in ({"data": [{"b64_json": svg}]}, {"data": [{"b64_json": "bm90IGFuIGltYWdl"}]}):
        with pytest.raises(UnsupportedOutputError):
            guard(lambda hidden=hidden: hidden, index)()

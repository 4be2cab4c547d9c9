"""The tool server without a transport: pictures, limits, access, metrics, and the answers to calls."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import threading
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
import pytest

from adagym.cli.commands import main
from adagym.digest import image_digest
from adagym.errors import ErrorCode, ToolError
from adagym.tools import TOOLS
from adagym.tools.server.desk import Desk
from adagym.tools.server.gate import Busy, Gate
from adagym.tools.server.metrics import Metrics
from adagym.tools.server.pictures import HASH, MOST_NAMES, Pictures, Session
from adagym.tools.server.settings import Settings
from adagym.types import Array

IMAGE = np.arange(12 * 8 * 3, dtype=np.uint8).reshape(12, 8, 3)
TOKEN = "a-token-of-enough-characters"


def file_of(image: Array, suffix: str = ".png") -> bytes:
    return bytes(cv2.imencode(suffix, np.ascontiguousarray(image[..., ::-1]))[1])


def url_of(content: bytes, kind: str = "png") -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


URL = url_of(file_of(IMAGE))


class TestPictures:
    def test_a_url_holds_the_picture_and_its_hash(self) -> None:
        pictures = Pictures(10_000)
        image, name = pictures.take(URL, 1000)
        assert np.array_equal(image, IMAGE)
        assert name == hashlib.sha256(file_of(IMAGE)).hexdigest()
        assert pictures.get(name) is image
        assert pictures.get("0" * 32) is None
        assert pictures.get(image_digest(IMAGE)) is image  # worked out when it is asked for
        assert pictures.take(URL, 1)[0] is image  # it is not decoded again

    @pytest.mark.parametrize(("suffix", "kind"), [(".jpg", "jpeg"), (".webp", "webp"), (".png", "PNG")])
    def test_other_kinds_are_read(self, suffix: str, kind: str) -> None:
        assert Pictures(10_000).take(url_of(file_of(IMAGE, suffix), kind), 1000)[0].shape == IMAGE.shape

    @pytest.mark.parametrize(
        ("url", "said"),
        [
            ("data:image/gif;base64,R0lGODlhAQABAAAAACw=", "of the form"),
            ("data:image/png,abc", "of the form"),
            ("data:text/html;base64,AAAA", "of the form"),
            ("data:image/png;base64,@@@@", "base64"),
            ("data:image/png;base64,AAA", "base64"),
            (url_of(file_of(IMAGE), "jpeg"), "of the kind"),
            (url_of(b""), "of the kind"),
            (url_of(file_of(IMAGE)[:60]), "cannot be used"),
            (url_of(file_of(np.zeros((40, 40, 3), np.uint8))), "1600|40x40"),
        ],
    )
    def test_what_is_no_picture_is_refused(self, url: str, said: str) -> None:
        with pytest.raises(ToolError, match=said) as caught:
            Pictures(10_000).take(url, 1000)
        assert caught.value.code == ErrorCode.CANNOT_LOAD_IMAGE

    def test_the_last_used_are_kept_within_the_bound(self) -> None:
        images = [np.full((10, 10, 3), value, np.uint8) for value in range(3)]
        pictures = Pictures(700)
        first, second = pictures.add(images[0]), pictures.add(images[1])
        assert pictures.get(first) is images[0]
        third = pictures.add(images[2])
        assert (pictures.get(second), len(pictures), pictures.bytes) == (None, 2, 600)
        assert pictures.get(first) is images[0]
        assert pictures.get(third) is images[2]

    def test_adding_a_picture_again_takes_no_room(self) -> None:
        pictures = Pictures(10_000)
        assert pictures.add(IMAGE) == pictures.add(IMAGE.copy()) == image_digest(IMAGE)
        assert pictures.bytes == IMAGE.nbytes
        assert pictures.take(URL, 1000)[1] == pictures.take(URL, 1000)[1]
        assert pictures.bytes == 2 * IMAGE.nbytes  # a file that was sent is known by its own hash

    def test_what_was_sent_and_is_gone_is_not_found_by_its_pixels(self) -> None:
        pictures = Pictures(2 * IMAGE.nbytes - 1)
        pictures.take(URL, 1000)
        pictures.add(IMAGE[:, ::-1])
        assert len(pictures) == 1
        assert pictures.get(image_digest(IMAGE)) is None

    def test_a_part_does_not_keep_the_whole(self) -> None:
        pictures = Pictures(10_000)
        kept = pictures.get(pictures.add(IMAGE[2:4]))
        assert kept is not None
        assert kept.base is None
        assert np.array_equal(kept, IMAGE[2:4])

    def test_sessions_name_in_order_and_forget_the_first(self) -> None:
        session = Session()
        assert [session.name("a"), session.name("b"), session.name("a")] == ["img_1", "img_2", "img_1"]
        for number in range(MOST_NAMES):
            session.name(str(number))
        pictures = Pictures(10_000)
        assert session.name(pictures.add(IMAGE)) == f"img_{MOST_NAMES + 3}"
        assert list(session.held(pictures)) == [f"img_{MOST_NAMES + 3}"]
        assert session.name("a") == f"img_{MOST_NAMES + 4}"

    def test_what_does_not_last_is_named_by_content(self) -> None:
        assert Session(lasting=False).name("abc") == "sha256:abc"


class TestGate:
    settings = Settings(("Crop", "OCR"), concurrency=2, per_tool={"OCR": 1}, queue=1)

    def test_the_queue_is_per_tool_and_bounded(self) -> None:
        async def play() -> list[str]:
            gate, release = Gate(self.settings), threading.Event()
            waiting = [asyncio.ensure_future(gate.run("OCR", release.wait, release.set)) for _ in range(2)]
            await asyncio.sleep(0.05)
            assert (gate.running, gate.waiting) == (1, 1)
            with pytest.raises(Busy, match="2 calls of OCR"):
                await gate.run("OCR", release.wait, release.set)
            said = await gate.run("Crop", lambda: "crop", release.set)
            release.set()
            assert await asyncio.gather(*waiting) == [True, True]
            again = await gate.run("OCR", lambda: "ocr", release.set)
            assert (gate.running, gate.waiting) == (0, 0)
            gate.close()
            return [said, again]

        assert asyncio.run(play()) == ["crop", "ocr"]

    def test_who_leaves_the_queue_makes_room_and_work_given_up_is_cancelled(self) -> None:
        async def play() -> None:
            gate, release = Gate(self.settings), threading.Event()
            running = asyncio.ensure_future(gate.run("OCR", release.wait, release.set))
            queued = asyncio.ensure_future(gate.run("OCR", release.wait, release.set))
            await asyncio.sleep(0.05)
            queued.cancel()
            await asyncio.sleep(0)
            assert (gate.running, gate.waiting) == (1, 0)
            running.cancel()  # which sets `release`
            with pytest.raises(asyncio.CancelledError):
                await running
            assert await gate.run("OCR", lambda: "next", release.set) == "next"
            gate.close()

        asyncio.run(play())


def test_metrics_are_cumulative_and_do_not_repeat_what_clients_write() -> None:
    metrics = Metrics(("Crop",))
    for seconds in (0.0005, 0.003, 99.0):
        metrics.count("Crop", "success", seconds)
    metrics.count('evil"}\nname 1', "failed", 0.0)
    lines = metrics.text({"running": ("Calls that run.", 2)}).splitlines()
    assert 'adagym_tools_calls_total{tool="Crop",status="success"} 3' in lines
    assert 'adagym_tools_calls_total{tool="unknown",status="failed"} 1' in lines
    for bound, count in (("0.001", 1), ("0.0025", 1), ("0.005", 2), ("30.0", 2), ("+Inf", 3)):
        assert f'adagym_tools_call_seconds_bucket{{tool="Crop",le="{bound}"}} {count}' in lines
    assert 'adagym_tools_call_seconds_sum{tool="Crop"} 99.003500' in lines
    assert "adagym_tools_running 2" in lines
    assert "evil" not in "".join(lines)


def answers(
    settings: Settings, *calls: tuple[str, Mapping[str, Any]], session: str | None = "s"
) -> list[dict[str, Any] | None]:
    async def play() -> list[dict[str, Any] | None]:
        desk = Desk(settings)
        try:
            return [await desk.call(name, arguments, session) for name, arguments in calls]
        finally:
            desk.close()

    return asyncio.run(play())


def said(result: dict[str, Any] | None) -> dict[str, Any]:
    assert result is not None
    read: dict[str, Any] = json.loads(result["content"][0]["text"])
    return read


CROP = Settings(("Crop", "crop_image", "GetWeather"))
BOX = [1, 2, 5, 6]


class TestCalls:
    def test_a_picture_comes_back_and_can_be_named(self) -> None:
        first, second, number = answers(
            CROP,
            ("Crop", {"image": URL, "coordinates": BOX}),
            ("Crop", {"image": "img_2", "coordinates": [0, 0, 2, 2]}),
            ("crop_image", {"target_image": 1, "bbox_2d": BOX}),
        )
        assert first is not None
        assert first["isError"] is False
        assert [block["type"] for block in first["content"]] == ["text", "image"]
        png = np.frombuffer(base64.b64decode(first["content"][1]["data"]), np.uint8)
        assert np.array_equal(cv2.imdecode(png, cv2.IMREAD_COLOR)[..., ::-1], IMAGE[2:6, 1:5])
        assert (said(first)["status"], said(first)["data"]) == ("success", {"size": [4, 4]})
        assert (said(first)["sent"], said(first)["images"]) == ({"image": "img_1"}, ["img_2"])
        check = first["_meta"]["adagym/check"]
        assert (check["known"], check["online"], check["valid"]) == (True, True, ("image", "coordinates"))
        assert (said(second)["data"], said(second)["images"]) == ({"size": [2, 2]}, ["img_3"])
        assert said(number)["images"] == ["img_2"]  # the same part as the first

    def test_hashes_of_pixels_and_of_files_name_pictures_without_a_session(self) -> None:
        pixels = HASH + image_digest(IMAGE)
        file = HASH + hashlib.sha256(file_of(IMAGE)).hexdigest()
        calls = [("Crop", {"image": image, "coordinates": BOX}) for image in (pixels, URL, pixels, file)]
        results = [said(result) for result in answers(CROP, *calls, session=None)]
        assert [result["status"] for result in results] == ["failed", "success", "success", "success"]
        assert results[0]["error_code"] == ErrorCode.CANNOT_LOAD_IMAGE
        assert pixels in results[0]["message"]
        assert results[1]["sent"] == {"image": file}
        assert results[3]["images"] == [HASH + image_digest(IMAGE[2:6, 1:5])]

    def test_names_belong_to_their_session(self) -> None:
        async def play() -> list[dict[str, Any] | None]:
            desk = Desk(CROP)
            await desk.call("Crop", {"image": URL, "coordinates": BOX}, "one")
            found = [await desk.call("Crop", {"image": "img_1", "coordinates": BOX}, name) for name in ("one", "two")]
            desk.close()
            return found

        one, two = asyncio.run(play())
        assert (said(one)["status"], said(two)["error_code"]) == ("success", ErrorCode.CANNOT_LOAD_IMAGE)

    @pytest.mark.parametrize(
        "image",
        ["/etc/passwd", "file:///etc/passwd", "http://127.0.0.1:1/a.png", "img_1", "sha256:" + "0" * 32, "", "\ud800"],
    )
    def test_nothing_that_is_named_is_opened(self, image: str) -> None:
        (result,) = answers(CROP, ("Crop", {"image": image, "coordinates": BOX}))
        assert result is not None
        assert result["isError"] is True
        assert said(result)["error_code"] == ErrorCode.CANNOT_LOAD_IMAGE
        assert result["_meta"]["adagym/check"]["valid"] == ("coordinates",)

    def test_a_bad_picture_is_told_with_its_parameter(self) -> None:
        (result,) = answers(CROP, ("Crop", {"image": "data:image/png;base64,!", "coordinates": BOX}))
        assert said(result)["message"].startswith("`image` must hold base64")

    @pytest.mark.parametrize(
        "arguments", [{}, {"image": 3, "coordinates": BOX}, {"image": URL, "coordinates": "x" * 99}]
    )
    def test_wrong_arguments_are_failures_for_the_model(self, arguments: dict[str, Any]) -> None:
        (result,) = answers(CROP, ("Crop", arguments))
        assert said(result)["status"] == "failed"
        assert said(result)["error_code"] in (201, 204, 205)

    def test_an_unknown_tool_is_a_failure(self) -> None:
        (result,) = answers(CROP, ("Nope", {}))
        assert (said(result)["status"], said(result)["error_code"]) == ("failed", ErrorCode.TOOL_NOT_FOUND)

    def test_what_is_larger_than_the_store_still_works_once(self) -> None:
        settings = Settings(("Crop",), cache=0)
        once, again = answers(
            settings, ("Crop", {"image": URL, "coordinates": BOX}), ("Crop", {"image": "img_1", "coordinates": BOX})
        )
        assert (said(once)["status"], said(again)["error_code"]) == ("success", ErrorCode.CANNOT_LOAD_IMAGE)

    def test_a_fault_is_the_servers_failure(self) -> None:
        (result,) = answers(Settings(("Crop",), faults="timeout=1"), ("Crop", {"image": URL, "coordinates": BOX}))
        assert result is not None
        assert (result["isError"], said(result)["status"], said(result)["error_code"]) == (True, "broken", 0)
        assert said(result)["message"].startswith("ToolTimeout")

    def test_garbage_is_never_passed_on(self) -> None:
        calls = [("Crop", {"image": URL, "coordinates": BOX})] * 20
        results = answers(Settings(("Crop",), faults="garbage=1"), *calls)
        assert {said(result)["status"] for result in results} == {"broken"}

    def test_a_dropped_connection_has_no_answer(self) -> None:
        dropped = answers(Settings(("Crop",), faults="drop=1"), ("Crop", {"image": URL, "coordinates": BOX}))
        assert dropped == [None]

    def test_who_drains_lets_nobody_in(self) -> None:
        async def play() -> dict[str, Any] | None:
            desk = Desk(CROP)
            await desk.drain()
            assert desk.health()["status"] == "draining"
            return await desk.call("GetWeather", {"location": "Rome"}, None)

        assert said(asyncio.run(play()))["status"] == "busy"


def test_every_tool_is_listed_with_how_to_give_pictures() -> None:
    names = tuple(entry.name for entry in TOOLS)
    desk = Desk(Settings(names))
    listed = {tool["name"]: tool for tool in desk.service.listed()}
    desk.close()
    assert tuple(listed) == names
    for name, tool in listed.items():
        spec = TOOLS.load(name).spec
        assert tool["description"] == spec.description
        assert tool["inputSchema"]["required"] == spec.parameters["required"]
        assert set(tool["inputSchema"]["properties"]) == set(spec.properties)
    assert "data:image/png;base64" in listed["InsertImage"]["inputSchema"]["properties"]["base_image"]["description"]
    assert "data:image/png;base64" in listed["PathTracer"]["inputSchema"]["properties"]["target_image"]["description"]
    assert "data:image" not in json.dumps(listed["GetWeather"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--tools", "Nope"], "no tool `Nope`"),
        (["--per-tool", "OCR"], "TOOL=NUMBER"),
        (["--tools", "Crop", "--per-tool", "OCR=1"], "not served"),
        (["--concurrency", "0"], "at least 1"),
        (["--host", "0.0.0.0"], "needs a token"),
        (["--token-file", "/nowhere/token"], "cannot be read"),
        (["--backend", "nope"], "no backend `nope`"),
        (["--faults", "nope=1"], "nope"),
        (["--port", "70000"], "Cannot listen"),
    ],
)
def test_mistakes_on_the_command_line_are_told(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ADAGYM_TOOLS_TOKEN", raising=False)
    assert main(["serve-tools", *words]) == 2
    assert said in capsys.readouterr().err

"""What the page says is what the networks say: asked directly, on the same pixels."""

import asyncio
import json
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib import colormaps
from PIL import Image
from starlette.testclient import TestClient
from torch import nn

from foveal.data.image_decoding import scale_and_crop_center
from foveal.errors import UsageError
from foveal.explanation import OcclusionResult, gate_maps, grad_cam, occlusion_sensitivity
from foveal.inspection.trained_runs import find_trained_runs
from foveal.plotting import blend_signed_map, compute_color_limit
from foveal.records import is_complete, read_run
from foveal.report import write_report
from foveal.study.run_extras import images_at
from foveal.web.app import KEPT_IMAGES
from foveal.web.image_view import looked_at, sweeping
from foveal.web.loaded_study import Served, first_of_each, served_from
from foveal.web.worker import Worker
from web.conftest import VARIANTS, client_of
from web.requests import encoded, example, picture, sweep, upload

ROW = 7


@pytest.fixture(scope="module")
def models(study: Path) -> dict[str, nn.Module]:
    """The networks of the study, read from disk once more."""
    return {network.name: network.load().eval() for network in find_trained_runs([study])}


@pytest.fixture(scope="module")
def said(models: dict[str, nn.Module], served: Served) -> dict[str, torch.Tensor]:
    """What each says of the example, (K,)."""
    images = images_at(served.data, np.array([ROW]))
    with torch.no_grad():
        return {name: model(images).softmax(1)[0] for name, model in models.items()}


def swept(
    models: dict[str, nn.Module], served: Served, row: int, **options: Any
) -> OcclusionResult:
    return occlusion_sensitivity(
        models,
        images_at(served.data, np.array([row])),
        torch.tensor([int(served.data.test.labels[row])]),
        normalization=(served.data.mean, served.data.std),
        **options,
    )


def test_predictions_are_the_softmax_of_each_network(
    client: TestClient, served: Served, said: dict[str, torch.Tensor]
) -> None:
    found = example(client, ROW)
    assert [own["variant"] for own in found["variants"]] == list(VARIANTS)
    assert len({tuple(own["top"][0].items()) for own in found["variants"]}) > 1
    for own in found["variants"]:
        values, classes = said[own["variant"]].topk(5)
        assert [one["class"] for one in own["top"]] == classes.tolist()
        assert [one["probability"] for one in own["top"]] == pytest.approx(
            values.tolist(), abs=1e-4
        )
    assert found["label"] == found["target"] == served.data.test.labels[ROW]
    assert (picture(found["picture"]) == served.data.test.images[ROW]).all()


def test_an_upload_of_a_test_image_is_that_image(client: TestClient, served: Served) -> None:
    own, sent = example(client, ROW), upload(client, encoded(served.data.test.images[ROW]))
    assert sent["variants"] == own["variants"]
    assert sent["picture"] == own["picture"]
    assert (sent["label"], sent["row"]) == (None, None)


def test_the_class_of_an_upload_is_the_likeliest_on_average(
    client: TestClient, served: Served, said: dict[str, torch.Tensor]
) -> None:
    sent = upload(client, encoded(served.data.test.images[ROW]))
    assert sent["target"] == int(torch.stack(list(said.values())).mean(0).argmax())


def test_an_upload_is_what_an_image_of_a_folder_is(client: TestClient) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (120, 240, 3), dtype=np.uint8)
    middle = scale_and_crop_center(Image.fromarray(pixels), 32)
    assert (picture(upload(client, encoded(pixels))["picture"]) == np.asarray(middle)).all()


@pytest.mark.parametrize("options", [{}, {"window": 12, "fill": "blur"}])
def test_maps_are_those_of_a_sweep_over_all_networks(
    client: TestClient, served: Served, models: dict[str, nn.Module], options: dict[str, Any]
) -> None:
    *_, last = sweep(client, example(client, ROW)["token"], **options)
    direct = swept(models, served, ROW, **options)
    maps = {name: direct.map(name)[0].numpy() for name in VARIANTS}
    assert last["limit"] == pytest.approx(compute_color_limit(maps.values()), rel=1e-4)
    assert tuple(last["window"]) == direct.windows.window
    assert tuple(last["stride"]) == direct.windows.stride
    image = served.data.test.images[ROW] / 255
    for own in last["variants"]:
        name = own["variant"]
        drawn = 255 * blend_signed_map(image, maps[name], limit=last["limit"])
        assert np.abs(picture(own["picture"]) - drawn).max() < 1.5
        assert own["drop"] == pytest.approx(float(direct.grid(name).max()), abs=1e-4)
        assert own["probability"] == pytest.approx(float(direct.confidence(name)[0]), abs=1e-4)
    assert len({own["picture"] for own in last["variants"]}) == len(VARIANTS)


def test_progress_goes_through_the_variants_to_the_end(client: TestClient) -> None:
    *steps, last = sweep(client, example(client, ROW)["token"], window=4)
    assert list(dict.fromkeys(step["variant"] for step in steps)) == list(VARIANTS)
    done = [step["done"] for step in steps]
    assert done == sorted(done)
    assert done[-1] == 1
    assert len(done) > len(VARIANTS)
    assert set(last) >= {"limit", "variants"}


def test_another_class_takes_no_second_sweep(
    client: TestClient, served: Served, models: dict[str, nn.Module]
) -> None:
    token = example(client, ROW)["token"]
    assert len(sweep(client, token)) > 1
    (last,) = sweep(client, token, target=3)
    direct = swept(models, served, ROW, target=3)
    drops = [float(direct.grid(name).max()) for name in VARIANTS]
    assert [own["drop"] for own in last["variants"]] == pytest.approx(drops, abs=1e-4)
    assert len(sweep(client, token, fill="gray")) > 1


def test_grad_cam_and_gates_are_on_shared_scales(
    client: TestClient, served: Served, models: dict[str, nn.Module]
) -> None:
    found = example(client, ROW)
    answer = client.get(f"/api/images/{found['token']}/maps").json()
    images, image = images_at(served.data, np.array([ROW])), served.data.test.images[ROW] / 255
    cams = {n: grad_cam(m, images, [found["label"]])[0].numpy() for n, m in models.items()}
    gates = {n: gate_maps(m, images) for n, m in models.items() if n != "none"}
    spatial = [g.spatial_map for each in gates.values() for g in each if g.kind != "channel"]
    assert answer["cam_limit"] == pytest.approx(compute_color_limit(cams.values()), rel=1e-3)
    ends = [float(min(m.min() for m in spatial)), float(max(m.max() for m in spatial))]
    assert answer["gate_ends"] == pytest.approx(ends, abs=1e-5)
    for own in answer["variants"]:
        drawn = 255 * blend_signed_map(image, cams[own["variant"]], limit=answer["cam_limit"])
        assert np.abs(picture(own["cam"]) - drawn).max() < 2
        direct = gates.get(own["variant"], ())
        assert [one["site"] for one in own["gates"]] == [gate.site for gate in direct]
        for one, gate in zip(own["gates"], direct, strict=True):
            assert one["kind"] == gate.kind
            assert ("picture" in one) is (gate.kind != "channel")
            if gate.kind != "spatial":
                weights = sorted(gate.channel_weights[0].tolist(), reverse=True)
                assert one["channels"] == pytest.approx(weights, abs=1e-4)
    kinds = {one["kind"] for own in answer["variants"] for one in own["gates"]}
    assert kinds == {"channel", "spatial", "both"}


def test_a_gate_is_drawn_over_the_pixels_it_weighs(
    client: TestClient, served: Served, models: dict[str, nn.Module]
) -> None:
    token = example(client, ROW)["token"]
    found = client.get(f"/api/images/{token}/maps").json()
    own = next(own for own in found["variants"] if own["variant"] == "spatial")
    low, high = found["gate_ends"]
    gray = served.data.test.images[ROW] @ (0.299, 0.587, 0.114)
    gates = gate_maps(models["spatial"], images_at(served.data, np.array([ROW])))
    assert {gate.values.shape[-1] for gate in gates} > {32}
    for one, gate in zip(own["gates"], gates, strict=True):
        side = 32 // gate.values.shape[-1]
        cells = np.kron(gate.values[0, 0].numpy(), np.ones((side, side)))
        colors = 255 * colormaps["cividis"]((cells - low) / (high - low))[..., :3]
        drawn = 0.7 * colors + 0.3 * gray[..., None]
        assert np.abs(picture(one["picture"]) - drawn).max() < 3


def test_the_gallery_shows_each_class_in_order(
    client: TestClient, served: Served, study: Path
) -> None:
    correct = [
        read_run(network.folder).predictions["correct"] for network in find_trained_runs([study])
    ]
    right = np.stack(correct).sum(0)
    for label in range(len(served.data.classes)):
        first = client.get("/api/examples", params={"class": label}).json()
        pages = [
            client.get("/api/examples", params={"class": label, "page": page}).json()["examples"]
            for page in range(first["pages"])
        ]
        rows = [one["row"] for page in pages for one in page]
        assert rows == np.flatnonzero(served.data.test.labels == label).tolist()
        assert first["count"] == len(rows)
        for one in pages[0]:
            assert one["right"] == right[one["row"]]
            assert (picture(one["picture"]) == served.data.test.images[one["row"]]).all()


def test_about_says_what_may_be_chosen(client: TestClient, served: Served) -> None:
    about = client.get("/api/about").json()
    assert about["classes"] == list(served.data.classes)
    assert about["variants"] == [{"name": name, "seed": 0} for name in VARIANTS]
    assert about["image"] == {"channels": 3, "height": 32, "width": 32}
    assert about["examples"] == len(served.data.test)
    token = example(client, ROW)["token"]
    for window in about["windows"]:
        assert sweep(client, token, window=window)[-1]["window"] == [window, window]
    assert about["window"] in about["windows"]


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("occlusion?window=3", "`window` should be one of 4, 6, 8, 12, 16. Found `window = '3'`."),
        ("occlusion?window=9999", "`window` should be one of"),
        ("occlusion?fill=red", "`fill` should be one of mean, black, gray"),
        ("occlusion?target=10", "`target` should be a whole number from 0 to 9"),
        ("maps?target=-1", "`target` should be a whole number from 0 to 9"),
        ("maps?target=%C2%B2", "`target` should be a whole number"),
        ("maps?target=" + "9" * 5000, "`target` should be a whole number"),
    ],
)
def test_wrong_options_are_refused(client: TestClient, address: str, message: str) -> None:
    answer = client.get(f"/api/images/{example(client, ROW)['token']}/{address}")
    assert answer.status_code == 400
    assert message in answer.json()["message"]
    assert len(answer.text) < 300


@pytest.mark.parametrize("query", ["class=10", "class=one", "class=0&page=99", "page=-1", "class="])
def test_wrong_examples_are_refused(client: TestClient, query: str) -> None:
    answer = client.get(f"/api/examples?{query}")
    assert answer.status_code == 400
    assert "should be a whole number from 0 to" in answer.json()["message"]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"example": "a"}', b'{"example": 60}', b'{"example": true}', b"[" * 900]
)  # fmt: skip
def test_a_place_that_is_none_is_refused(client: TestClient, body: bytes) -> None:
    headers = {"Content-Type": "application/json; charset=utf-8"}
    answer = client.post("/api/images", content=body, headers=headers)
    assert answer.status_code == 400
    assert "example" in answer.json()["message"]


def test_the_images_that_were_not_asked_for_longest_are_forgotten(client: TestClient) -> None:
    tokens = [example(client, row)["token"] for row in range(KEPT_IMAGES)]
    assert len(set(tokens)) == KEPT_IMAGES
    assert client.get(f"/api/images/{tokens[0]}/maps").status_code == 200
    tokens.append(example(client, 0)["token"])
    status = [client.get(f"/api/images/{token}/maps").status_code for token in tokens]
    assert status == [200, 404, *[200] * (KEPT_IMAGES - 1)]
    message = client.get(f"/api/images/{tokens[1]}/maps").json()["message"]
    assert "choose it again" in message


def test_the_report_is_that_of_the_folder_and_nothing_is_written(
    client: TestClient, study: Path
) -> None:
    before = sorted(study.rglob("*"))
    html = client.get("/report").text
    assert sorted(study.rglob("*")) == before
    page = write_report(study, only_page=True).page
    assert html == page.read_text(encoding="utf-8")
    page.unlink()


def test_a_single_run_has_a_page_too(study: Path, worker: Worker) -> None:
    run = next(path for path in (study / "runs").glob("series-*") if is_complete(path))
    client = client_of(served_from(run, device="cpu"), worker)
    (own,) = example(client, ROW)["variants"]
    assert own["variant"] == "series"
    assert "series" in client.get("/report").text


def test_one_network_of_each_variant_that_of_its_first_finished_seed(study: Path) -> None:
    (none, channel, *_) = find_trained_runs([study])
    many = [replace(none, seed=2), replace(none, seed=1), replace(channel, seed=3)]
    assert [(n.name, n.seed) for n in first_of_each(many)] == [("none", 1), ("channel", 3)]
    assert [(n.name, n.seed) for n in first_of_each(many, seed=2)] == [("none", 2)]


def test_variants_without_the_seed_are_named(study: Path, worker: Worker, served: Served) -> None:
    client = client_of(replace(served, left_out=("se",)), worker)
    assert client.get("/api/about").json()["left_out"] == ["se"]
    with pytest.raises(UsageError, match="`seeds` should be of 0"):
        served_from(study, device="cpu", seed=4)
    assert [one.name for one in served_from(study, device="cpu", variants=["none"]).variants] == [
        "none"
    ]


def test_data_of_one_channel(served: Served, worker: Worker) -> None:
    """A gray data set: uploads become gray, pictures are shown in gray."""
    images = served.data.test.images[:, :, :, :1]
    split = replace(served.data.test, images=images)
    data = replace(served.data, train=split, test=split, mean=(0.5,), std=(0.25,))
    names = [
        replace(v, model=nn.Sequential(nn.Flatten(), nn.Linear(1024, 10))) for v in served.variants
    ]
    client = client_of(replace(served, data=data, variants=tuple(names[:1])), worker)
    gray = np.repeat(images[ROW], 3, axis=2)
    assert (picture(example(client, ROW)["picture"]) == gray).all()
    sent = upload(client, encoded(gray))
    assert (picture(sent["picture"]) == gray).all()
    assert len(sweep(client, sent["token"])) > 1


class Counting(nn.Module):
    """Answers as a network does, and counts how often."""

    def __init__(self, model: nn.Module, asked: list[int]) -> None:
        super().__init__()
        self.model, self.asked = model, asked

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.asked.append(len(x))
        logits: torch.Tensor = self.model(x)
        return logits


def test_a_sweep_ends_where_nobody_listens_any_more(served: Served, worker: Worker) -> None:
    asked: list[int] = []
    variants = tuple(replace(v, model=Counting(v.model, asked)) for v in served.variants)
    counted = replace(served, variants=variants)

    async def passes(*, most: int) -> int:
        looked = looked_at(served.data.test.images[ROW], counted)
        asked.clear()
        events = sweeping(looked, counted, worker, window=4, fill="mean", target=0)
        async with aclosing(events):
            async for _ in events:
                most -= 1
                if most == 0:
                    break
        for _ in range(
            len(VARIANTS) + 1
        ):  # time enough for a sweep that goes on to come to its end
            await worker.do(lambda: None)
        assert (looked.sweep is None) is (most == 0)
        return len(asked)

    whole = asyncio.run(passes(most=1000))
    assert whole > 2 * len(VARIANTS)
    assert asyncio.run(passes(most=1)) < whole


class Unsteady(nn.Module):
    """Answers for one image, and with what is no number for several."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.full((len(x), 10), 0.1 if len(x) == 1 else torch.nan)


def test_a_network_that_fails_on_the_way_is_told_in_the_last_line(
    served: Served, worker: Worker
) -> None:
    broken = replace(served.variants[0], name="broken", model=Unsteady())
    client = client_of(replace(served, variants=(*served.variants[:1], broken)), worker)
    answer = client.get(f"/api/images/{example(client, ROW)['token']}/occlusion")
    *steps, last = map(json.loads, answer.text.splitlines())
    assert {step["variant"] for step in steps} == {"none"}
    assert "not finite" in last["message"]

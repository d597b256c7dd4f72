"""Responses of the page's server agree with the networks, asked directly about the same pixels."""

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
from foveal.web.app import MAX_CACHED_IMAGES
from foveal.web.image_view import start_session, stream_occlusion
from foveal.web.loaded_study import (
    LoadedStudy,
    load_study,
    preprocess_image,
    select_one_run_per_variant,
)
from foveal.web.worker import Worker
from web.api_client import (
    VARIANTS,
    decode_picture,
    encode_image,
    get_sweep,
    make_client,
    post_example,
    post_upload,
)

INDEX = 7


@pytest.fixture(scope="module")
def models(folder: Path) -> dict[str, nn.Module]:
    """Return the networks of the study, loaded a second time."""
    return {run.name: run.load_network().eval() for run in find_trained_runs([folder])}


@pytest.fixture(scope="module")
def images(study: LoadedStudy) -> torch.Tensor:
    """Return the test image `INDEX` as input of the networks, (1, C, H, W)."""
    return preprocess_image(study.data.test.images[INDEX], study.data)


@pytest.fixture(scope="module")
def probabilities(models: dict[str, nn.Module], images: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return the class probabilities of the test image by each network, (K,)."""
    with torch.no_grad():
        return {name: model(images).softmax(1)[0] for name, model in models.items()}


def sweep_directly(
    models: dict[str, nn.Module], study: LoadedStudy, images: torch.Tensor, **options: Any
) -> OcclusionResult:
    return occlusion_sensitivity(
        models,
        images,
        torch.tensor([int(study.data.test.labels[INDEX])]),
        normalization=(study.data.mean, study.data.std),
        **options,
    )


def test_predictions_are_the_softmax_of_each_network(
    client: TestClient, study: LoadedStudy, probabilities: dict[str, torch.Tensor]
) -> None:
    session = post_example(client, INDEX)
    assert [each["variant"] for each in session["variants"]] == list(VARIANTS)
    assert len({tuple(each["top"][0].items()) for each in session["variants"]}) > 1
    for each in session["variants"]:
        values, classes = probabilities[each["variant"]].topk(5)
        assert [top["class"] for top in each["top"]] == classes.tolist()
        assert [top["probability"] for top in each["top"]] == pytest.approx(
            values.tolist(), abs=1e-4
        )
    assert session["label"] == session["target"] == study.data.test.labels[INDEX]
    assert (decode_picture(session["picture"]) == study.data.test.images[INDEX]).all()


def test_uploaded_test_image_has_the_same_predictions(
    client: TestClient, study: LoadedStudy, probabilities: dict[str, torch.Tensor]
) -> None:
    example = post_example(client, INDEX)
    upload = post_upload(client, encode_image(study.data.test.images[INDEX]))
    assert upload["variants"] == example["variants"]
    assert upload["picture"] == example["picture"]
    assert (upload["label"], upload["index"]) == (None, None)
    mean = torch.stack(list(probabilities.values())).mean(0)
    assert upload["target"] == int(mean.argmax())


def test_upload_is_cropped_like_an_image_of_a_folder(client: TestClient) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (120, 240, 3), dtype=np.uint8)
    expected = np.asarray(scale_and_crop_center(Image.fromarray(pixels), 32))
    assert (decode_picture(post_upload(client, encode_image(pixels))["picture"]) == expected).all()


@pytest.mark.parametrize("options", [{}, {"window": 12, "fill": "blur"}])
def test_occlusion_maps_agree_with_a_direct_sweep(
    client: TestClient,
    study: LoadedStudy,
    models: dict[str, nn.Module],
    images: torch.Tensor,
    options: dict[str, Any],
) -> None:
    *_, last = get_sweep(client, post_example(client, INDEX)["token"], **options)
    direct = sweep_directly(models, study, images, **options)
    maps = {name: direct.map(name)[0].numpy() for name in VARIANTS}
    assert last["limit"] == pytest.approx(compute_color_limit(maps.values()), rel=1e-4)
    assert tuple(last["window"]) == direct.windows.window
    assert tuple(last["stride"]) == direct.windows.stride
    image = study.data.test.images[INDEX] / 255
    for each in last["variants"]:
        name = each["variant"]
        expected = 255 * blend_signed_map(image, maps[name], limit=last["limit"])
        assert np.abs(decode_picture(each["picture"]) - expected).max() < 1.5
        assert each["max_drop"] == pytest.approx(float(direct.grid(name).max()), abs=1e-4)
        assert each["confidence"] == pytest.approx(float(direct.confidence(name)[0]), abs=1e-4)
    assert len({each["picture"] for each in last["variants"]}) == len(VARIANTS)


def test_progress_goes_from_variant_to_variant(client: TestClient) -> None:
    *events, last = get_sweep(client, post_example(client, INDEX)["token"], window=4)
    assert list(dict.fromkeys(event["variant"] for event in events)) == list(VARIANTS)
    progress = [event["progress"] for event in events]
    assert progress == sorted(progress)
    assert progress[-1] == 1
    assert len(progress) > len(VARIANTS)
    assert set(last) >= {"limit", "variants"}


def test_another_target_class_reuses_the_sweep(
    client: TestClient, study: LoadedStudy, models: dict[str, nn.Module], images: torch.Tensor
) -> None:
    token = post_example(client, INDEX)["token"]
    assert len(get_sweep(client, token)) > 1
    (last,) = get_sweep(client, token, target=3)
    direct = sweep_directly(models, study, images, target=3)
    max_drops = [float(direct.grid(name).max()) for name in VARIANTS]
    assert [each["max_drop"] for each in last["variants"]] == pytest.approx(max_drops, abs=1e-4)
    assert len(get_sweep(client, token, fill="gray")) > 1


def test_grad_cam_and_gates_have_shared_scales(
    client: TestClient, study: LoadedStudy, models: dict[str, nn.Module], images: torch.Tensor
) -> None:
    session = post_example(client, INDEX)
    maps = client.get(f"/api/images/{session['token']}/maps").json()
    image = study.data.test.images[INDEX] / 255
    cams = {n: grad_cam(m, images, [session["label"]])[0].numpy() for n, m in models.items()}
    gates = {n: gate_maps(m, images) for n, m in models.items() if n != "none"}
    spatial = [g.spatial_map for each in gates.values() for g in each if g.kind != "channel"]
    assert maps["cam_limit"] == pytest.approx(compute_color_limit(cams.values()), rel=1e-3)
    limits = [float(min(m.min() for m in spatial)), float(max(m.max() for m in spatial))]
    assert maps["gate_range"] == pytest.approx(limits, abs=1e-5)
    for each in maps["variants"]:
        expected = 255 * blend_signed_map(image, cams[each["variant"]], limit=maps["cam_limit"])
        assert np.abs(decode_picture(each["cam"]) - expected).max() < 2
        direct = gates.get(each["variant"], ())
        assert [gate["site"] for gate in each["gates"]] == [gate.site for gate in direct]
        for described, gate in zip(each["gates"], direct, strict=True):
            assert described["kind"] == gate.kind
            assert ("picture" in described) is (gate.kind != "channel")
            if gate.kind != "spatial":
                weights = sorted(gate.channel_weights[0].tolist(), reverse=True)
                assert described["channel_weights"] == pytest.approx(weights, abs=1e-4)
    kinds = {gate["kind"] for each in maps["variants"] for gate in each["gates"]}
    assert kinds == {"channel", "spatial", "both"}


def test_gate_covers_the_pixels_that_it_weights(
    client: TestClient, study: LoadedStudy, models: dict[str, nn.Module], images: torch.Tensor
) -> None:
    token = post_example(client, INDEX)["token"]
    maps = client.get(f"/api/images/{token}/maps").json()
    described = next(each for each in maps["variants"] if each["variant"] == "spatial")["gates"]
    low, high = maps["gate_range"]
    gray = study.data.test.images[INDEX] @ (0.299, 0.587, 0.114)
    gates = gate_maps(models["spatial"], images)
    assert {gate.values.shape[-1] for gate in gates} > {32}
    for each, gate in zip(described, gates, strict=True):
        side = 32 // gate.values.shape[-1]
        pixels = np.kron(gate.values[0, 0].numpy(), np.ones((side, side)))
        colors = 255 * colormaps["cividis"]((pixels - low) / (high - low))[..., :3]
        expected = 0.7 * colors + 0.3 * gray[..., None]
        assert np.abs(decode_picture(each["picture"]) - expected).max() < 3


def test_gallery_shows_each_class_in_order(
    client: TestClient, study: LoadedStudy, folder: Path
) -> None:
    runs = find_trained_runs([folder])
    correct_counts = np.stack([read_run(r.folder).predictions["correct"] for r in runs]).sum(0)
    for label in range(len(study.data.classes)):
        first = client.get("/api/examples", params={"class": label}).json()
        pages = [
            client.get("/api/examples", params={"class": label, "page": page}).json()["examples"]
            for page in range(first["page_count"])
        ]
        indices = [example["index"] for page in pages for example in page]
        assert indices == np.flatnonzero(study.data.test.labels == label).tolist()
        assert first["image_count"] == len(indices)
        for example in pages[0]:
            index = example["index"]
            assert example["correct_count"] == correct_counts[index]
            assert (decode_picture(example["picture"]) == study.data.test.images[index]).all()


def test_about_lists_the_choices(client: TestClient, study: LoadedStudy) -> None:
    about = client.get("/api/about").json()
    assert about["classes"] == list(study.data.classes)
    assert about["variants"] == [{"name": name, "seed": 0} for name in VARIANTS]
    assert about["image"] == {"channels": 3, "height": 32, "width": 32}
    assert about["example_count"] == len(study.data.test)
    token = post_example(client, INDEX)["token"]
    for window in about["windows"]:
        assert get_sweep(client, token, window=window)[-1]["window"] == [window, window]
    assert about["default_window"] in about["windows"]


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
def test_refuses_wrong_options(client: TestClient, address: str, message: str) -> None:
    response = client.get(f"/api/images/{post_example(client, INDEX)['token']}/{address}")
    assert response.status_code == 400
    assert message in response.json()["message"]
    assert len(response.text) < 300


@pytest.mark.parametrize("query", ["class=10", "class=one", "class=0&page=99", "page=-1", "class="])
def test_refuses_wrong_gallery_pages(client: TestClient, query: str) -> None:
    response = client.get(f"/api/examples?{query}")
    assert response.status_code == 400
    assert "should be a whole number from 0 to" in response.json()["message"]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"example": "a"}', b'{"example": 60}', b'{"example": true}', b"[" * 900]
)  # fmt: skip
def test_refuses_json_without_a_test_image(client: TestClient, body: bytes) -> None:
    headers = {"Content-Type": "application/json; charset=utf-8"}
    response = client.post("/api/images", content=body, headers=headers)
    assert response.status_code == 400
    assert "example" in response.json()["message"]


def test_least_recently_used_images_are_dropped(client: TestClient) -> None:
    def get_status(token: str) -> int:
        """Return 400 for the wrong target of a cached image, and 404 for a dropped image."""
        return client.get(f"/api/images/{token}/maps?target=-1").status_code

    tokens = [post_example(client, index)["token"] for index in range(MAX_CACHED_IMAGES)]
    assert len(set(tokens)) == MAX_CACHED_IMAGES
    assert get_status(tokens[0]) == 400
    tokens.append(post_example(client, 0)["token"])
    assert list(map(get_status, tokens)) == [400, 404, *[400] * (MAX_CACHED_IMAGES - 1)]
    message = client.get(f"/api/images/{tokens[1]}/maps").json()["message"]
    assert "Choose it again" in message


def test_report_is_that_of_the_folder(report_response: Any, folder: Path) -> None:
    page = write_report(folder, only_page=True).page
    # The last paragraphs link files of the folder, which the server does not serve.
    served, written = (
        text.partition("<footer>")[0]
        for text in (report_response.text, page.read_text(encoding="utf-8"))
    )
    assert served == written
    page.unlink()


def test_single_run_has_a_page(folder: Path, worker: Worker) -> None:
    run = next(path for path in (folder / "runs").glob("cbam-*") if is_complete(path))
    client = make_client(load_study(run, device="cpu"), worker)
    (predictions,) = post_example(client, INDEX)["variants"]
    assert predictions["variant"] == "cbam"
    assert "cbam" in client.get("/report").text


def test_first_finished_seed_of_each_variant_is_selected(folder: Path) -> None:
    (none, channel, *_) = find_trained_runs([folder])
    runs = [replace(none, seed=2), replace(none, seed=1), replace(channel, seed=3)]
    selected = select_one_run_per_variant(runs)
    assert [(run.name, run.seed) for run in selected] == [("none", 1), ("channel", 3)]
    selected = select_one_run_per_variant(runs, seed=2)
    assert [(run.name, run.seed) for run in selected] == [("none", 2)]


def test_variants_without_the_seed_are_named(
    folder: Path, worker: Worker, study: LoadedStudy
) -> None:
    client = make_client(replace(study, omitted_variants=("se",)), worker)
    assert client.get("/api/about").json()["omitted_variants"] == ["se"]
    with pytest.raises(UsageError, match="`seeds` should be"):
        load_study(folder, device="cpu", seed=4)
    loaded = load_study(folder, device="cpu", variants=["none"])
    assert [variant.name for variant in loaded.variants] == ["none"]


def test_gray_data_set_shows_gray_pictures(study: LoadedStudy, worker: Worker) -> None:
    images = study.data.test.images[:, :, :, :1]
    split = replace(study.data.test, images=images)
    data = replace(study.data, train=split, test=split, mean=(0.5,), std=(0.25,))
    linear = nn.Sequential(nn.Flatten(), nn.Linear(1024, 10))
    variant = replace(study.variants[0], model=linear)
    client = make_client(replace(study, data=data, variants=(variant,)), worker)
    gray = np.repeat(images[INDEX], 3, axis=2)
    assert (decode_picture(post_example(client, INDEX)["picture"]) == gray).all()
    upload = post_upload(client, encode_image(gray))
    assert (decode_picture(upload["picture"]) == gray).all()
    assert len(get_sweep(client, upload["token"])) > 1


class CountingModel(nn.Module):
    """A network that appends the size of each batch to a list."""

    def __init__(self, model: nn.Module, batch_sizes: list[int]) -> None:
        super().__init__()
        self.model, self.batch_sizes = model, batch_sizes

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.batch_sizes.append(len(x))
        logits: torch.Tensor = self.model(x)
        return logits


def test_sweep_stops_when_the_client_disconnects(study: LoadedStudy, worker: Worker) -> None:
    batch_sizes: list[int] = []
    variants = tuple(replace(v, model=CountingModel(v.model, batch_sizes)) for v in study.variants)
    counted = replace(study, variants=variants)

    async def count_batches(*, max_events: int) -> int:
        session = start_session(study.data.test.images[INDEX], counted)
        batch_sizes.clear()
        events = stream_occlusion(session, counted, worker, window=4, fill="mean", target=0)
        async with aclosing(events):
            async for _ in events:
                max_events -= 1
                if max_events == 0:
                    break
        for _ in range(len(VARIANTS) + 1):  # a sweep that continues would finish in this time
            await worker.run(lambda: None)
        assert (session.sweep is None) is (max_events == 0)
        return len(batch_sizes)

    all_batches = asyncio.run(count_batches(max_events=1000))
    assert all_batches > 2 * len(VARIANTS)
    assert asyncio.run(count_batches(max_events=1)) < all_batches


class UnstableModel(nn.Module):
    """A network whose logits are finite for one image and NaN for several."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.full((len(x), 10), 0.1 if len(x) == 1 else torch.nan)


def test_failure_during_a_sweep_is_reported_in_the_last_line(
    study: LoadedStudy, worker: Worker
) -> None:
    broken = replace(study.variants[0], name="broken", model=UnstableModel())
    client = make_client(replace(study, variants=(*study.variants[:1], broken)), worker)
    token = post_example(client, INDEX)["token"]
    response = client.get(f"/api/images/{token}/occlusion")
    *events, last = map(json.loads, response.text.splitlines())
    assert {event["variant"] for event in events} == {"none"}
    assert "finite" in last["message"]

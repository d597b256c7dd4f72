"""Exported networks give the same logits for any batch size; otherwise no file is written."""

from pathlib import Path

import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from foveal.errors import FovealError, UsageError
from foveal.models import build_model
from foveal.models.export import export_model


class SeveralOutputs(nn.Module):
    """A network that returns a dict with a tuple, as those of Hugging Face and torchvision do."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> dict[str, Tensor | tuple[Tensor, ...] | None]:
        logits = self.network(x)
        return {"logits": logits, "pair": (2 * logits, -logits), "loss": None}


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_exports_to_onnx_and_torch_export(tmp_path: Path) -> None:
    model = build_model("convnet", attention="cbam").train()
    model.get_submodule("blocks.0").eval()  # a mode that the user chose and the export must keep
    modes = [module.training for module in model.modules()]
    network = SeveralOutputs(model)
    assert (
        export_model(network, str(tmp_path / "model.onnx"), example=torch.zeros(1, 3, 32, 32))
        < 1e-4
    )
    assert export_model(model, tmp_path / "model.pt2") < 1e-4
    assert model.training
    assert [module.training for module in model.modules()] == modes
    images = torch.randn(5, 3, 32, 32)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    assert [output.name for output in session.get_outputs()] == ["logits", "pair_0", "pair_1"]
    exported = [torch.from_numpy(out) for out in session.run(None, {"images": images.numpy()})]
    expected = model.eval()(images).detach()
    outputs = [expected, 2 * expected, -expected]
    torch.testing.assert_close(exported, outputs, rtol=1e-3, atol=1e-4)
    program = torch.export.load(tmp_path / "model.pt2").module()
    torch.testing.assert_close(program(images).detach(), expected, rtol=1e-3, atol=1e-4)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.onnx", "model.pt2"]


def test_refuses_other_suffixes(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.onnx or \.pt2\. Found 'model\.pkl'"):
        export_model(build_model("convnet"), tmp_path / "model.pkl")


class SeveralInputs(nn.Module):
    """A network of two images and a class, one of them by keyword."""

    def __init__(self) -> None:
        super().__init__()
        self.image, self.depth = (nn.Conv2d(channels, 4, 3) for channels in (3, 1))
        self.classes = nn.Embedding(5, 4)

    def forward(self, image: Tensor, *, depth: Tensor, label: Tensor, scale: float = 2.0) -> Tensor:
        maps = self.image(image).relu() + self.depth(depth).relu()
        out: Tensor = scale * maps.mean((2, 3)) + self.classes(label)
        return out


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore:# ONNX model has different number of inputs:UserWarning")
def test_exports_networks_of_several_inputs(tmp_path: Path) -> None:
    model, path = SeveralInputs().eval(), tmp_path / "model.onnx"
    label = torch.tensor([4, 0])
    others = {"depth": torch.zeros(2, 1, 9, 7), "label": label, "scale": 3.0}
    assert export_model(model, path, example=(torch.zeros(2, 3, 9, 7), others)) < 1e-4
    image, depth = torch.randn(2, 3, 9, 7), torch.randn(2, 1, 9, 7)
    values = {"image": image.numpy(), "depth": depth.numpy(), "label": label.numpy()}
    (out,) = onnxruntime.InferenceSession(path).run(None, values)
    expected = model(image, depth=depth, label=label, scale=3.0)
    torch.testing.assert_close(torch.from_numpy(out), expected.detach(), rtol=1e-3, atol=1e-4)


def test_a_network_that_cannot_be_exported_is_refused_in_a_sentence(tmp_path: Path) -> None:
    class Branching(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x if x.sum() > 0 else -x

    for example, message in (
        (torch.zeros(1, 3, 4, 4), r"cannot be exported to \.pt2 \("),
        ({"size": 3}, "or arguments with a batch"),
    ):
        with pytest.raises(FovealError, match=message):
            export_model(Branching(), tmp_path / "model.pt2", example=example)
    assert list(tmp_path.iterdir()) == []


class DropsImages(nn.Module):
    """A module with other logits in every call."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(12, 2)
        self.input_shape = (3, 2, 2)
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        logits: Tensor = self.linear(x.flatten(1)) + self.calls
        return logits


def test_writes_no_file_if_the_logits_differ(tmp_path: Path) -> None:
    with pytest.raises(FovealError, match="differ by"):
        export_model(DropsImages(), tmp_path / "model.pt2")
    assert list(tmp_path.iterdir()) == []

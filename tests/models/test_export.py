"""Exported networks give the same logits for any batch size; otherwise no file is written."""

from pathlib import Path

import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from foveal import insert
from foveal.errors import FovealError, UsageError
from foveal.models import build_model
from foveal.models.export import export_model


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_exports_to_onnx_and_torch_export(tmp_path: Path) -> None:
    model = build_model("convnet", attention="cbam").train()
    model.get_submodule("blocks.0").eval()  # a mode that the user chose and the export must keep
    modes = [module.training for module in model.modules()]
    assert export_model(model, tmp_path / "model.onnx") < 1e-4
    assert export_model(model, tmp_path / "model.pt2") < 1e-4
    assert model.training
    assert [module.training for module in model.modules()] == modes
    images = torch.randn(5, 3, 32, 32)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    (logits,) = session.run(None, {"images": images.numpy()})
    expected = model.eval()(images).detach()
    torch.testing.assert_close(torch.from_numpy(logits), expected, rtol=1e-3, atol=1e-4)
    program = torch.export.load(tmp_path / "model.pt2").module()
    torch.testing.assert_close(program(images).detach(), expected, rtol=1e-3, atol=1e-4)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.onnx", "model.pt2"]


class TwoOutputs(nn.Module):
    """A network that returns a dict with a tuple, as those of Hugging Face and torchvision do."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.relu, self.head = nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> dict[str, Tensor | tuple[Tensor, ...] | None]:
        features = self.relu(self.conv(x))
        return {
            "logits": self.head(features.mean((2, 3))),
            "maps": (features, -features),
            "loss": None,
        }


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_exports_networks_with_several_outputs(tmp_path: Path) -> None:
    model, x = TwoOutputs().eval(), torch.randn(2, 3, 9, 7)
    insert(model, "cbam", example=x)
    path = str(tmp_path / "model.onnx")
    assert export_model(model, path, example=x) < 1e-4
    outputs = model(x)
    session = onnxruntime.InferenceSession(path)
    assert [output.name for output in session.get_outputs()] == ["logits", "maps_0", "maps_1"]
    exported = session.run(None, {"images": x.numpy()})
    expected = (outputs["logits"], *outputs["maps"])
    torch.testing.assert_close(
        [torch.from_numpy(out) for out in exported], [out.detach() for out in expected]
    )


def test_refuses_other_suffixes(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.onnx or \.pt2\. Found 'model\.pkl'"):
        export_model(build_model("convnet"), tmp_path / "model.pkl")


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

"""Under bfloat16 the last layer computes in float32, for every network and without a trace afterwards."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from foveal.data import ImageData
from foveal.evaluation import predict
from foveal.models import build_model
from foveal.training import Numerics, autocast_context
from training.small_training import FLOAT32, train_small

BFLOAT16 = FLOAT32.model_copy(update={"dtype": "bfloat16"})


class ConvolutionalHead(nn.Module):
    """A network whose last layer is a convolution, before the mean over positions."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Conv2d(3, 8, 3)
        self.head = nn.Conv2d(8, 100, 1)

    def forward(self, x: Tensor) -> Tensor:
        means: Tensor = self.head(self.body(x).relu()).mean((2, 3))
        return means


def networks() -> Iterator[nn.Module]:
    yield build_model("convnet", num_classes=100, attention="cbam").eval()
    yield build_model("resnet18", num_classes=100, stem="cifar").eval()
    yield ConvolutionalHead().eval()


def compute_logits(model: nn.Module, images: Tensor, numerics: Numerics) -> Tensor:
    with torch.no_grad(), autocast_context(numerics, model):
        logits: Tensor = model(images)
    return logits


def test_logits_are_float32_of_bfloat16_features() -> None:
    torch.manual_seed(0)
    images = torch.rand(16, 3, 32, 40)[..., :32]
    for model in networks():
        logits = compute_logits(model, images, BFLOAT16)
        with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
            rounded = model(images)
        assert (logits.dtype, rounded.dtype) == (torch.float32, torch.bfloat16)
        torch.testing.assert_close(logits, rounded.float(), rtol=0.02, atol=0.02)
        # No logit has a neighbor of 8 bits any more, and so no two classes tie.
        assert not torch.equal(logits, logits.bfloat16().float())
        assert all(len(row.unique()) == 100 for row in logits)
        assert not all(len(row.unique()) == 100 for row in rounded)


def test_last_layer_is_unchanged_afterwards() -> None:
    model = ConvolutionalHead()
    images = torch.rand(2, 3, 9, 7)
    before = model(images)
    with pytest.raises(ZeroDivisionError), autocast_context(BFLOAT16, model):
        raise ZeroDivisionError
    assert "forward" not in model.head.__dict__
    assert torch.equal(model(images), before)
    own = model.head.forward
    model.head.forward = own  # type: ignore[method-assign]  # set by the user
    compute_logits(model, images, BFLOAT16)
    assert model.head.__dict__["forward"] is own


def test_network_without_a_last_layer_is_run_as_it_is() -> None:
    model = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    images = torch.rand(2, 3, 8, 6)
    torch.testing.assert_close(compute_logits(model, images, BFLOAT16), images.mean((2, 3)))


def test_float32_is_computed_as_without_the_context() -> None:
    model, images = ConvolutionalHead(), torch.rand(2, 3, 9, 7)
    with torch.no_grad():
        assert torch.equal(compute_logits(model, images, FLOAT32), model(images))


def test_trained_network_is_evaluated_with_float32_logits(data: ImageData) -> None:
    result = train_small(data, numerics=BFLOAT16)
    batches = data.batches("test", batch_size=500, device="cpu")
    with autocast_context(BFLOAT16, result.model):
        predictions = predict(
            result.model,
            ((x.contiguous(memory_format=torch.channels_last), y) for x, y in batches),
        )
    assert not torch.equal(predictions.logits, predictions.logits.bfloat16().float())
    assert predictions.loss == pytest.approx(result.evaluation.loss, rel=1e-6)

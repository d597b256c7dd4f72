"""Insert attention, take a training step, measure cost, occlude, compare runs: all without an extra."""

import torch
from torch.nn import functional

from foveal import insert, stats
from foveal.attention import available, create
from foveal.cost import measure_cost
from foveal.explanation import occlusion_sensitivity
from foveal.models import ConvNet


def main() -> None:
    torch.manual_seed(0)
    images, labels = torch.randn(4, 3, 32, 32), torch.tensor([0, 1, 2, 3])
    for name in available():
        assert create(name, 16)(torch.randn(2, 16, 8, 8)).shape == (2, 16, 8, 8), name
    model = ConvNet()
    print(insert(model, "cbam"))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    loss = functional.cross_entropy(model(images), labels)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    print(f"loss {loss.item():.3f}")
    print(measure_cost(model, (3, 32, 32), latency=False))
    result = occlusion_sensitivity(model, images, labels, window=8, stride=8)
    print("occlusion map", tuple(result.map().shape))
    comparison = stats.compare_accuracies([0.71, 0.72, 0.73], [0.65, 0.66, 0.64])
    print(comparison.verdict, comparison.reason)


if __name__ == "__main__":
    main()

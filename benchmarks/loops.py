"""One training of the ConvNet by each of three loops; prints its speed and its accuracy as JSON.

`plain` is what people write: a Dataset of PIL images with transforms, a DataLoader with two workers, float32,
and a running loss that is read at each step. `eager` is the same by somebody who knows better: images as one
tensor, augmented by batch, channels last, fused optimizer, nothing read in between. `foveal` is ours. All have
the recipe of `foveal train` with batches of 128.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

import rivals
from foveal.data import ImageData, load_data
from foveal.data.dataset import Split
from foveal.models import build_model
from foveal.training import Recipe, train

Batches = Iterator[tuple[Tensor, Tensor]]
BATCH = 128
FOLDER = os.environ.get("FOVEAL_DATA")
CIFAR10 = str(Path(FOLDER) / "cifar10") if FOLDER else "cifar10"  # else from the hub


class Pictures(Dataset[tuple[Tensor, int]]):
    """Images of a split, each through the transforms when it is asked for."""

    def __init__(self, split: Split, data: ImageData, *, training: bool) -> None:
        rivals.has_timm()  # makes torchvision importable
        from torchvision import transforms

        steps = (
            [transforms.RandomCrop(32, 4), transforms.RandomHorizontalFlip()] if training else []
        )
        steps += [transforms.ToTensor(), transforms.Normalize(data.mean, data.std)]
        self.images = [Image.fromarray(image) for image in split.images]
        self.labels = split.labels.tolist()
        self.transform = transforms.Compose(steps)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(self.images[index]), self.labels[index]


def plain(model: nn.Module, data: ImageData, epochs: int) -> tuple[float, float]:
    """Return images per second and test accuracy of the plain loop."""
    loader = DataLoader(
        Pictures(data.train, data, training=True), batch_size=BATCH, shuffle=True, num_workers=2
    )
    optimizer = torch.optim.SGD(
        model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=0.1, total_steps=epochs * len(loader), cycle_momentum=False
    )
    criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
    start = time.perf_counter()
    for _ in range(epochs):
        model.train()
        running = 0.0
        for images, labels in loader:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
            schedule.step()
            running += loss.item()
    seconds = time.perf_counter() - start
    test = DataLoader(Pictures(data.test, data, training=False), batch_size=BATCH, num_workers=2)
    return epochs * len(data.train) / seconds, accuracy(model, iter(test))


def eager(model: nn.Module, data: ImageData, epochs: int) -> tuple[float, float]:
    """Return the same of the loop that knows better."""
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    steps = -(-len(data.train) // BATCH)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4, fused=True
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=0.1, total_steps=epochs * steps, cycle_momentum=False
    )
    start = time.perf_counter()
    for epoch in range(epochs):
        model.train()
        for images, labels in data.training_batches(batch_size=BATCH, seed=0, epoch=epoch):
            logits = model(images.contiguous(memory_format=torch.channels_last))
            nn.functional.cross_entropy(logits, labels, label_smoothing=0.1).backward()
            optimizer.step()
            schedule.step()
            optimizer.zero_grad(set_to_none=True)
    seconds = time.perf_counter() - start
    return epochs * len(data.train) / seconds, accuracy(model, data.batches(batch_size=BATCH))


def ours(model: nn.Module, data: ImageData, epochs: int, seed: int) -> tuple[float, float]:
    """Return the same of `foveal.training.train`."""
    done = train(model, data, recipe=Recipe(epochs=epochs, batch_size=BATCH), seed=seed)
    return done.images_per_second, done.evaluation.accuracy


@torch.no_grad()
def accuracy(model: nn.Module, batches: Batches) -> float:
    """Return the share of images that are classified as they should be."""
    model.eval()
    hits = [(model(images).argmax(1) == labels).float() for images, labels in batches]
    return float(torch.cat(hits).mean())


def main() -> None:
    """Train once and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("loop", choices=("plain", "eager", "foveal"))
    parser.add_argument("--attention", default="none")
    parser.add_argument("--data", default=CIFAR10)
    parser.add_argument("--images", type=int, default=10000)
    parser.add_argument("--test-images", type=int)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    data = load_data(options.data, train_size=options.images, test_size=options.test_images)
    torch.manual_seed(options.seed)
    start = time.perf_counter()
    model = build_model("convnet", attention=options.attention, seed=options.seed)
    if options.loop == "foveal":
        speed, right = ours(model, data, options.epochs, options.seed)
    else:
        loop = plain if options.loop == "plain" else eager
        speed, right = loop(model, data, options.epochs)
    seconds = time.perf_counter() - start
    print(json.dumps({"images_per_second": speed, "accuracy": right, "seconds": seconds}))


if __name__ == "__main__":
    main()

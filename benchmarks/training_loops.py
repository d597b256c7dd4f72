"""One training of the ConvNet by one of three loops; prints speed and accuracy as JSON.

`plain` is the loop of most tutorials: a Dataset of PIL images with transforms, a DataLoader with two workers,
float32, and a running loss that is read at each step. `eager` is an optimized loop: images as one tensor,
augmentation by batch, channels last, fused optimizer, no value read between steps. `foveal` is
`foveal.training.train`. All use the recipe of `foveal train` with batches of 128.
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

import reference_modules
from foveal import keep_freed_memory
from foveal.data import ImageData, load_data
from foveal.data.dataset import Split
from foveal.models import build_model
from foveal.training import Recipe, train

Batches = Iterator[tuple[Tensor, Tensor]]
BATCH_SIZE = 128
DATA_FOLDER = os.environ.get("FOVEAL_DATA")
# The local folder if there is one, otherwise the data set of the Hugging Face Hub.
CIFAR10 = str(Path(DATA_FOLDER) / "cifar10") if DATA_FOLDER else "cifar10"


class TransformedImages(Dataset[tuple[Tensor, int]]):
    """Images of a split, transformed one by one on access."""

    def __init__(self, split: Split, data: ImageData, *, training: bool) -> None:
        reference_modules.has_timm()  # makes torchvision importable
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


def run_plain_loop(model: nn.Module, data: ImageData, epochs: int) -> tuple[float, float]:
    """Return images per second and test accuracy of the plain loop."""
    loader = DataLoader(
        TransformedImages(data.train, data, training=True),
        batch_size=BATCH_SIZE,
        shuffle=True,
        num_workers=2,
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
    test = DataLoader(
        TransformedImages(data.test, data, training=False), batch_size=BATCH_SIZE, num_workers=2
    )
    return epochs * len(data.train) / seconds, compute_accuracy(model, iter(test))


def run_eager_loop(model: nn.Module, data: ImageData, epochs: int) -> tuple[float, float]:
    """Return images per second and test accuracy of the optimized loop."""
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    steps = -(-len(data.train) // BATCH_SIZE)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4, fused=True
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=0.1, total_steps=epochs * steps, cycle_momentum=False
    )
    start = time.perf_counter()
    for epoch in range(epochs):
        model.train()
        for images, labels in data.training_batches(batch_size=BATCH_SIZE, seed=0, epoch=epoch):
            logits = model(images.contiguous(memory_format=torch.channels_last))
            nn.functional.cross_entropy(logits, labels, label_smoothing=0.1).backward()
            optimizer.step()
            schedule.step()
            optimizer.zero_grad(set_to_none=True)
    seconds = time.perf_counter() - start
    test = data.batches(batch_size=BATCH_SIZE)
    return epochs * len(data.train) / seconds, compute_accuracy(model, test)


def run_foveal_loop(
    model: nn.Module, data: ImageData, epochs: int, seed: int
) -> tuple[float, float]:
    """Return images per second and test accuracy of `foveal.training.train`."""
    result = train(model, data, recipe=Recipe(epochs=epochs, batch_size=BATCH_SIZE), seed=seed)
    return result.images_per_second, result.evaluation.accuracy


@torch.no_grad()
def compute_accuracy(model: nn.Module, batches: Batches) -> float:
    """Return the fraction of correctly classified images."""
    model.eval()
    correct = [(model(images).argmax(1) == labels).float() for images, labels in batches]
    return float(torch.cat(correct).mean())


def main() -> None:
    """Train once and print the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("loop", choices=("plain", "eager", "foveal"))
    parser.add_argument("--attention", default="none")
    parser.add_argument("--data", default=CIFAR10)
    parser.add_argument("--images", type=int, default=10000)
    parser.add_argument("--test-images", type=int)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.loop == "foveal":
        keep_freed_memory()
    data = load_data(options.data, train_size=options.images, test_size=options.test_images)
    torch.manual_seed(options.seed)
    start = time.perf_counter()
    model = build_model("convnet", attention=options.attention, seed=options.seed)
    if options.loop == "foveal":
        speed, accuracy = run_foveal_loop(model, data, options.epochs, options.seed)
    else:
        run_loop = run_plain_loop if options.loop == "plain" else run_eager_loop
        speed, accuracy = run_loop(model, data, options.epochs)
    seconds = time.perf_counter() - start
    print(json.dumps({"images_per_second": speed, "accuracy": accuracy, "seconds": seconds}))


if __name__ == "__main__":
    main()

"""Unknown options: the option of foveal that does what the option of another tool does."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from typing import Final

_SAME_MEANING: Final = {
    "attention": (
        "attn", "attention-module", "block", "module", "modules", "variant", "variants", "methods",
    ),
    "seeds": ("n-seeds", "num-seeds", "nseeds", "repeats", "repeat", "runs", "trials", "n-runs"),
    "seed": ("random-seed", "manual-seed", "random-state"),
    "data": ("d", "dataset", "data-dir", "data-path", "data-root", "root", "dataset-path", "images"),
    "image-size": ("img", "imgsz", "img-size", "input-size", "image", "resolution", "size", "resize"),
    "train-size": ("n-train", "num-train", "subset", "limit"),
    "test-size": ("n-test", "num-test"),
    "validation": ("val", "val-size", "val-split", "valid", "validation-size"),
    "epochs": ("e", "epoch", "n-epochs", "num-epochs", "max-epochs", "nepochs", "total-epochs"),
    "batch-size": ("b", "bs", "batch", "batchsize", "train-batch-size"),
    "learning-rate": ("lr", "lr0", "base-lr", "max-lr", "rate"),
    "optimizer": ("opt", "optim", "solver"),
    "schedule": ("sched", "scheduler", "lr-scheduler", "lr-schedule"),
    "weight-decay": ("wd", "decay", "l2"),
    "label-smoothing": ("smoothing",),
    "model": ("m", "a", "arch", "net", "network", "backbone", "architecture", "cfg", "encoder"),
    "weights": ("pretrained", "checkpoint", "ckpt", "init", "load"),
    "freeze-backbone": ("freeze",),
    "device": ("gpu", "gpus", "cuda", "cpu", "gpu-id", "accelerator"),
    "workers": ("j", "jobs", "n-jobs", "num-workers", "processes", "parallel"),
    "dtype": ("amp", "fp16", "bf16", "half", "precision", "mixed-precision"),
    "ray": ("cluster", "address"),
    "shard": ("rank", "array"),
    "out": ("o", "output", "out-dir", "output-dir", "outdir", "save-dir", "project", "name", "logdir",
            "log-dir", "save", "exp", "experiment", "folder", "dir", "results"),
    "detect": ("effect", "difference", "power"),
    "input": ("input-shape", "shape", "input-size", "imgsz"),
    "classes": ("num-classes", "nc", "n-classes"),
    "latency": ("time", "speed", "benchmark"),
    "config": ("c", "config-file", "yaml", "hyp", "file", "settings"),
    "open": ("browser",),
}  # fmt: skip
"""Options of foveal, each with the names that other tools give it."""
_ADVICE: Final = {
    "momentum": "SGD has Nesterov momentum 0.9.",
    "patience": "Every run trains all its epochs, so that no epoch is selected on the test set.",
    "early-stopping": "Every run trains all its epochs, so that no epoch is selected on the test set.",
    "resume": "The same command continues an interrupted study.",
    "seeds": "`foveal ablate` trains several seeds; one run has one --seed.",
    "dropout": "Dropout is part of the network: see --model package.module:callable.",
}
"""Options of other tools without a counterpart, each with what foveal does instead."""


def find_unknown_option(tokens: Sequence[str], known: Collection[str]) -> str | None:
    """Return the first option in `tokens` that is not known, as it was typed; None if there is none.

    `known` are the names of options with their dashes. An option of a grid is known if `--grid` is.

    >>> find_unknown_option(["photos", "--seeds", "3", "--lr=1"], ["--seeds"])
    '--lr'
    >>> find_unknown_option(["--grid.model", "resnet18", "--shift", "-1"], ["--grid", "--shift"])
    """
    for word in tokens:
        if word == "--":
            return None
        name = word.partition("=")[0]
        if not name.startswith("-") or name == "-" or name.lstrip("-")[:1].isdigit():
            continue
        normalized = "--" + _normalize(name)
        if name not in known and normalized.partition(".")[0] not in known:
            return name
    return None


def describe_unknown_option(option: str, known: Collection[str]) -> str:
    """Return the sentences about an unknown option: the right one, or the most similar one.

    >>> describe_unknown_option("--lr", ["--learning-rate", "--ray"])
    'There is no option --lr. Use --learning-rate.'
    >>> describe_unknown_option("--epoch_s", ["--epochs"])
    'There is no option --epoch_s. Did you mean --epochs?'
    """
    problem = f"There is no option {option}."
    name = _normalize(option)
    for right, names in _SAME_MEANING.items():
        if f"--{right}" in known and name in names:
            return f"{problem} Use --{right}."
    if name in _ADVICE:
        return f"{problem} {_ADVICE[name]}"
    similar = difflib.get_close_matches(name, [each.lstrip("-") for each in sorted(known)], n=1)
    return (
        f"{problem} Did you mean --{similar[0]}?"
        if similar
        else f"{problem} Add --help to see all."
    )


def describe_extra_word(word: str, known: Collection[str]) -> str:
    """Return the sentences about a word that belongs to no option, such as `epochs=3`.

    >>> describe_extra_word("imgsz=64", ["--image-size"])
    "There is no place for 'imgsz=64'. Write --image-size 64."
    >>> describe_extra_word("photos", ["--data"])
    "There is no place for 'photos'. Write an option before it, such as --data photos."
    """
    problem = f"There is no place for {word!r}."
    name, sign, value = word.partition("=")
    right = next(
        (
            each
            for each, names in {_normalize(name): (), **_SAME_MEANING}.items()
            if f"--{each}" in known and (_normalize(name) in names or each == _normalize(name))
        ),
        None,
    )
    if sign and right is not None:
        return f"{problem} Write --{right} {value}."
    if "--data" in known:
        return f"{problem} Write an option before it, such as --data {word}."
    return f"{problem} Add --help to see the arguments."


def _normalize(option: str) -> str:
    """Return an option without dashes in front, in lower case, with dashes between its words."""
    return option.lstrip("-").lower().replace("_", "-")

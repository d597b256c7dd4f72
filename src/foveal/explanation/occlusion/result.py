"""What a sweep of windows found: every logit, and the maps that follow from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from foveal.errors import UsageError, bad_parameter, unknown_name
from foveal.explanation.input_validation import require_images
from foveal.explanation.occlusion.captions import caption_of, class_name, panel_titles, pictures_of
from foveal.explanation.occlusion.fills import Normalization
from foveal.explanation.occlusion.result_file import read_result, write_result
from foveal.explanation.occlusion.scores import (
    SCORES,
    compute_class_drops,
    require_score_for_outputs,
)
from foveal.explanation.occlusion.targets import Target, resolve_target_classes
from foveal.explanation.occlusion.windows import Windows
from foveal.explanation.rank_correlation import compute_rank_correlation

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class OcclusionResult:
    """The logits of N images under P windows and F fills, for each model, and what follows from them.

    `logits` are float32 (F, N, 1 + P, K) on the CPU; the first of each 1 + P is that of the image as it
    is. `target` and `score` are those of the call, which `map` and `grid` take unless told otherwise.
    """

    logits: Mapping[str, Tensor]
    windows: Windows
    fills: tuple[str, ...]
    labels: Tensor | None
    target: Target
    score: str

    @property
    def model_names(self) -> tuple[str, ...]:
        """The names of the models."""
        return tuple(self.logits)

    @property
    def image_count(self) -> int:
        """Number of images, N."""
        return self.logits[self.model_names[0]].shape[1]

    def map(
        self,
        model: str | None = None,
        *,
        target: Target | None = None,
        score: str | None = None,
        fill: str | None = None,
    ) -> Tensor:
        """Return the map of each image, float32 (N, H, W); for the target `all`, (N, K, H, W).

        A pixel has the mean over the windows that cover it of the drop of the score, positive where
        there was evidence for the class; and NaN where no window reaches.

        Args:
            model: a name; may be left out if there is one model.
            target: as in `occlusion_sensitivity`.
            score: as there.
            fill: one of several fills; by default the mean over all.
        """
        return self.windows.grid_to_pixels(
            self.grid(model, target=target, score=score, fill=fill)
        ).float()

    def grid(
        self,
        model: str | None = None,
        *,
        target: Target | None = None,
        score: str | None = None,
        fill: str | None = None,
    ) -> Tensor:
        """Return the drop under each window, float32 (N, Py, Px); for `all`, (N, K, Py, Px)."""
        score = self.score if score is None else score
        if score not in SCORES:
            raise unknown_name("score", score, SCORES)
        logits = self.logits_of(model)
        require_score_for_outputs(score, logits.shape[-1])
        wanted = self.resolve_classes(logits[0, :, 0], target)
        each = [
            compute_class_drops(logits[k], wanted, score=score) for k in self.fill_indices(fill)
        ]
        return self.to_grid(torch.stack(each).double().mean(0).float())

    def resolve_classes(self, plain: Tensor, target: Target | None = None) -> Tensor | None:
        """Return the class of each image that a target means, (N,); None for all."""
        return resolve_target_classes(self.target if target is None else target, self.labels, plain)

    def to_grid(self, values: Tensor) -> Tensor:
        """Lay values (..., P) out as the windows lie, (..., Py, Px)."""
        return values.reshape(*values.shape[:-1], *self.windows.shape)

    def probabilities(self, model: str | None = None) -> Tensor:
        """Return what the model says of the images as they are, (N, K)."""
        return self.logits_of(model)[0, :, 0].softmax(1)

    def target_classes(self, model: str | None = None) -> Tensor:
        """Return the class that each map of the call is about, int64 (N,).

        Raises:
            UsageError: the target is `all`.
        """
        found = self.resolve_classes(self.logits_of(model)[0, :, 0])
        if found is None:
            raise UsageError("The target is `all`: there is no one class an image.")
        return found

    def confidence(self, model: str | None = None) -> Tensor:
        """Return the probability of that class for the images as they are, (N,)."""
        return self.probabilities(model).gather(1, self.target_classes(model)[:, None])[:, 0]

    def window_predictions(self, model: str | None = None, *, fill: str | None = None) -> Tensor:
        """Return the class predicted under each window, int64 (F, N, Py, Px), or of one fill."""
        found = self.to_grid(self.logits_of(model)[self.fill_indices(fill), :, 1:].argmax(-1))
        return found if fill is None else found[0]

    def flip_map(self, model: str | None = None, *, fill: str | None = None) -> Tensor:
        """Return the share of the windows over each pixel that change the prediction, (N, H, W)."""
        plain = self.logits_of(model)[0, :, 0].argmax(1)
        under = self.logits_of(model)[self.fill_indices(fill), :, 1:].argmax(-1)  # (F, N, P)
        flips = (under != plain[:, None]).double().mean(0)
        return self.windows.grid_to_pixels(self.to_grid(flips)).float()

    def accuracy_under_occlusion(
        self, model: str | None = None, *, fill: str | None = None
    ) -> float:
        """Return the share of images and windows for which the prediction is the label."""
        if self.labels is None:
            raise UsageError("Accuracy needs labels: give them to occlusion_sensitivity.")
        under = self.logits_of(model)[self.fill_indices(fill), :, 1:].argmax(-1)
        return float((under == self.labels[:, None]).double().mean())

    def fill_agreement(self, model: str | None = None, **options: Any) -> Tensor:
        """Return the rank correlation of the maps of different fills, mean over pairs, (N,).

        Where it is low, a map tells of its fill more than of the image. `options` are those of `grid`;
        NaN for an image with a flat map.

        Raises:
            UsageError: there is one fill only.
        """
        if len(self.fills) < 2:
            raise UsageError("Agreement needs several fills, as in fill=['mean', 'blur'].")
        grids = [self.grid(model, fill=fill, **options).flatten(1) for fill in self.fills]
        pairs = [(a, b) for k, a in enumerate(grids) for b in grids[k + 1 :]]
        return torch.stack([compute_rank_correlation(a, b) for a, b in pairs]).mean(0)

    def logits_of(self, model: str | None) -> Tensor:
        """Return the logits of one model, (F, N, 1 + P, K)."""
        if model is None and len(self.model_names) == 1:
            return self.logits[self.model_names[0]]
        if model is None:
            raise bad_parameter("model", f"one of {', '.join(map(repr, self.model_names))}", None)
        if model not in self.logits:
            raise unknown_name("model in this result", model, self.model_names)
        return self.logits[model]

    def fill_indices(self, fill: str | None) -> list[int]:
        """Return the places of one fill or of all."""
        if fill is None:
            return list(range(len(self.fills)))
        if fill not in self.fills:
            raise unknown_name("fill in this result", fill, self.fills)
        return [self.fills.index(fill)]

    def save(self, path: Path | str) -> None:
        """Write all of it as one npz file, whole or not at all; nothing in it is pickled."""
        write_result(Path(path), **vars(self))

    @classmethod
    def load(cls, path: Path | str) -> OcclusionResult:
        """Read what `save` wrote.

        Raises:
            FovealError: it is no such file, or of another version.
        """
        return cls(**read_result(Path(path)))

    def plot(
        self,
        images: Tensor,
        *,
        classes: Sequence[str] | None = None,
        normalization: Normalization | None = None,
        difference: tuple[str, str] | None = None,
    ) -> Figure:
        """Draw the maps of all models side by side, a row an image, on one color scale.

        Args:
            images: those of the sweep, (N, C, H, W).
            classes: names of the classes; by default their numbers.
            normalization: mean and std by which the images were normalized; without it they are
                stretched to the range of a picture where they lie outside it.
            difference: names of two models whose difference is a column of its own.

        Raises:
            UsageError: the target is `all`: name one class an image; or `images` are not those of the
                sweep by their number or size.
        """
        if isinstance(self.target, str) and self.target == "all":
            raise UsageError(
                "A picture shows one class an image: sweep for another target than all."
            )
        require_images(images)
        height, width = self.windows.image_size
        if (len(images), *images.shape[2:]) != (self.image_count, height, width):
            should_be = f"those of the sweep, of shape ({self.image_count}, C, {height}, {width})"
            raise bad_parameter("images", should_be, tuple(images.shape))
        from foveal.plotting import SCORE_UNITS, MapColumn, draw_map_comparison

        columns = [
            MapColumn(name, self.map(name).numpy(), self.panel_titles_of(name, classes))
            for name in self.model_names
        ]
        labels = [] if self.labels is None else self.labels.tolist()
        return draw_map_comparison(
            pictures_of(images, normalization),
            columns,
            names=[class_name(k, classes) for k in labels] or [""] * self.image_count,
            unit=SCORE_UNITS[self.score],
            caption=self.caption,
            window=self.windows.window,
            difference=difference,
        )

    def panel_titles_of(self, model: str, classes: Sequence[str] | None) -> list[str]:
        """Say of each image what the model predicts, and how far hiding lowers the score."""
        p, target = self.probabilities(model), self.target_classes(model)
        fall = self.grid(model).flatten(1).amax(1)
        return panel_titles(p, target, fall, labels=self.labels, classes=classes)

    @property
    def caption(self) -> str:
        """What is needed to make the same maps again, in words."""
        return caption_of(self.windows, fills=self.fills, score=self.score, target=self.target)

"""Result of an occlusion sweep: logits of every image under every window, and the maps derived from them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from foveal.errors import UsageError, bad_parameter, unknown_name
from foveal.explanation.occlusion.fills import Normalization
from foveal.explanation.occlusion.result_file import read_result, write_result
from foveal.explanation.occlusion.result_html import OcclusionSummary, render_occlusion_html
from foveal.explanation.occlusion.scores import (
    SCORES,
    compute_class_drops,
    require_score_for_outputs,
)
from foveal.explanation.occlusion.targets import Target, resolve_target_classes
from foveal.explanation.occlusion.windows import Windows
from foveal.explanation.rank_correlation import compute_rank_correlation
from foveal.plotting import SCORE_UNITS, format_occlusion_caption, format_panel_titles

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class OcclusionResult:
    """Logits of N images under P windows and F fills, for each model, and the maps derived from them.

    `logits` are float32 (F, N, 1 + P, K) on the CPU; the first of each 1 + P is that of the unoccluded
    image. `target` and `score` are those of the call, and the defaults of `map` and `grid`.
    """

    logits: Mapping[str, Tensor]
    windows: Windows
    fills: tuple[str, ...]
    labels: Tensor | None
    target: Target
    score: str

    @property
    def model_names(self) -> tuple[str, ...]:
        """Names of the models."""
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

        The value of a pixel is the mean drop of the score over the windows that cover it: positive values
        are evidence for the class. Pixels without a window are NaN.

        Args:
            model: a name; optional if there is one model.
            target: as in `occlusion_sensitivity`.
            score: as in `occlusion_sensitivity`.
            fill: one of the fills; by default the mean over all fills.
        """
        grid = self.grid(model, target=target, score=score, fill=fill)
        return self.windows.grid_to_pixels(grid).float()

    def grid(
        self,
        model: str | None = None,
        *,
        target: Target | None = None,
        score: str | None = None,
        fill: str | None = None,
    ) -> Tensor:
        """Return the drop of the score under each window, float32 (N, Py, Px); for `all`, (N, K, Py, Px)."""
        score = self.score if score is None else score
        if score not in SCORES:
            raise unknown_name("score", score, SCORES)
        logits = self.logits_of(model)
        require_score_for_outputs(score, logits.shape[-1])
        classes = self.resolve_classes(model, target)
        drops = [
            compute_class_drops(logits[index], classes, score=score)
            for index in self.fill_indices(fill)
        ]
        return self.arrange_windows(torch.stack(drops).double().mean(0).float())

    def resolve_classes(self, model: str | None, target: Target | None = None) -> Tensor | None:
        """Return the class of each image for a target, (N,); None for the target `all`."""
        unoccluded = self.logits_of(model)[0, :, 0]
        return resolve_target_classes(
            self.target if target is None else target, self.labels, unoccluded
        )

    def arrange_windows(self, values: Tensor) -> Tensor:
        """Reshape values per window (..., P) to the grid of windows, (..., Py, Px)."""
        return values.reshape(*values.shape[:-1], *self.windows.shape)

    def probabilities(self, model: str | None = None) -> Tensor:
        """Return the class probabilities of the unoccluded images, (N, K)."""
        return self.logits_of(model)[0, :, 0].softmax(1)

    def target_classes(self, model: str | None = None) -> Tensor:
        """Return the class that the map of each image explains, int64 (N,).

        Raises:
            UsageError: the target is `all`.
        """
        classes = self.resolve_classes(model)
        if classes is None:
            raise UsageError("The target is `all`, so there is no single class per image.")
        return classes

    def confidence(self, model: str | None = None) -> Tensor:
        """Return the probability of the target class of the unoccluded images, (N,)."""
        return self.probabilities(model).gather(1, self.target_classes(model)[:, None])[:, 0]

    def window_predictions(self, model: str | None = None, *, fill: str | None = None) -> Tensor:
        """Return the class predicted under each window, int64 (F, N, Py, Px); for one fill, (N, Py, Px)."""
        predictions = self.arrange_windows(self.occluded_predictions(model, fill))
        return predictions if fill is None else predictions[0]

    def occluded_predictions(self, model: str | None, fill: str | None) -> Tensor:
        """Return the class predicted under each window, (F, N, P), for one fill or all fills."""
        return self.logits_of(model)[self.fill_indices(fill), :, 1:].argmax(-1)

    def flip_map(self, model: str | None = None, *, fill: str | None = None) -> Tensor:
        """Return the share of the windows over each pixel that change the prediction, (N, H, W)."""
        unoccluded = self.logits_of(model)[0, :, 0].argmax(1)
        is_flipped = self.occluded_predictions(model, fill) != unoccluded[:, None]
        flip_share = is_flipped.double().mean(0)
        return self.windows.grid_to_pixels(self.arrange_windows(flip_share)).float()

    def accuracy_under_occlusion(
        self, model: str | None = None, *, fill: str | None = None
    ) -> float:
        """Return the share of images and windows for which the prediction is the label."""
        if self.labels is None:
            raise UsageError("Accuracy needs labels. Pass them to `occlusion_sensitivity`.")
        is_correct = self.occluded_predictions(model, fill) == self.labels[:, None]
        return float(is_correct.double().mean())

    def fill_agreement(self, model: str | None = None, **options: Any) -> Tensor:
        """Return the rank correlation between the maps of different fills, mean over pairs, (N,).

        If it is low, a map depends more on its fill than on the image. `options` are those of `grid`. NaN
        for an image with a flat map.

        Raises:
            UsageError: there is only one fill.
        """
        if len(self.fills) < 2:
            raise UsageError("Agreement needs several fills, as in fill=['mean', 'blur'].")
        grids = [self.grid(model, fill=fill, **options).flatten(1) for fill in self.fills]
        pairs = [(a, b) for index, a in enumerate(grids) for b in grids[index + 1 :]]
        return torch.stack([compute_rank_correlation(a, b) for a, b in pairs]).mean(0)

    def logits_of(self, model: str | None) -> Tensor:
        """Return the logits of one model, (F, N, 1 + P, K); the name is optional if there is one model."""
        if model is None and len(self.model_names) == 1:
            return self.logits[self.model_names[0]]
        if model is None:
            raise bad_parameter("model", f"one of {', '.join(map(repr, self.model_names))}", None)
        if model not in self.logits:
            raise unknown_name("model in this result", model, self.model_names)
        return self.logits[model]

    def fill_indices(self, fill: str | None) -> list[int]:
        """Return the index of one fill, or the indices of all fills."""
        if fill is None:
            return list(range(len(self.fills)))
        if fill not in self.fills:
            raise unknown_name("fill in this result", fill, self.fills)
        return [self.fills.index(fill)]

    def _repr_html_(self) -> str:
        """Return a row per model for a notebook: means over the images."""
        has_classes = self.resolve_classes(self.model_names[0]) is not None
        rows = [
            OcclusionSummary(
                model,
                float(self.confidence(model).mean()) if has_classes else math.nan,
                float(self.grid(model).flatten(1).amax(1).mean()) if has_classes else math.nan,
                math.nan if self.labels is None else self.accuracy_under_occlusion(model),
            )
            for model in self.model_names
        ]
        return render_occlusion_html(
            rows,
            images=self.image_count,
            windows=self.windows.shape,
            score=self.score,
            fills=self.fills,
        )

    def save(self, path: Path | str) -> None:
        """Write the result atomically as one npz file without pickled objects."""
        write_result(Path(path), **vars(self))

    @classmethod
    def load(cls, path: Path | str) -> OcclusionResult:
        """Read a file written by `save`.

        Raises:
            FovealError: the file is not an occlusion result, or has another version.
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
        """Draw the maps of all models side by side, one row per image, on one color scale.

        Args:
            images: the images of the sweep, (N, C, H, W).
            classes: names of the classes; by default their numbers.
            normalization: mean and std with which the images were normalized. Without it, images outside
                of [0, 1] are stretched to that range.
            difference: names of two models whose difference becomes an extra column.

        Raises:
            UsageError: the target is `all`, `images` have another number or size than those of the sweep,
                or matplotlib is not installed.
        """
        from foveal.explanation.occlusion.result_figure import draw_maps

        if isinstance(self.target, str) and self.target == "all":
            raise UsageError(
                "A figure shows one class per image. Run the sweep with another target than `all`."
            )
        labels = [None] * self.image_count if self.labels is None else self.labels.tolist()
        return draw_maps(
            images,
            {name: self.map(name) for name in self.model_names},
            {name: self.panel_titles(name, classes) for name in self.model_names},
            names=["" if label is None else _get_class_name(label, classes) for label in labels],
            unit=SCORE_UNITS[self.score],
            caption=self.caption,
            window=self.windows.window,
            normalization=normalization,
            difference=difference,
        )

    def panel_titles(self, model: str, classes: Sequence[str] | None) -> list[str]:
        """Return the title of each map of a model: prediction, confidence and largest drop."""
        predictions = self.probabilities(model).argmax(1).tolist()
        return format_panel_titles(
            predictions,
            [_get_class_name(prediction, classes) for prediction in predictions],
            labels=None if self.labels is None else self.labels.tolist(),
            confidences=self.confidence(model).tolist(),
            max_drops=self.grid(model).flatten(1).amax(1).tolist(),
        )

    @property
    def caption(self) -> str:
        """Caption with all settings that are needed to make the same maps again."""
        return format_occlusion_caption(
            window=self.windows.window,
            stride=self.windows.stride,
            edge=self.windows.edge,
            fills=self.fills,
            score=self.score,
            target=None if isinstance(self.target, Tensor) else self.target,
        )


def _get_class_name(label: int, classes: Sequence[str] | None) -> str:
    """Return the name of a class, or its number without names."""
    return str(label) if classes is None else classes[label]

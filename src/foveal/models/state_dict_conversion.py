"""Conversion of state-dict keys of other implementations, and reports of what was loaded.

Keys without a rule are kept and reported. An incomplete load is refused unless `partial=True`. This
module unpickles nothing: read files with `torch.load(..., weights_only=True)`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from foveal.attention import get_entry, resolve_name
from foveal.errors import UsageError
from foveal.validation import require_one_of
from foveal.variant_names import GATE_MODULE_NAME

# Name of each gate module by its name in the source.
GATE_KEYS = {
    "official": {
        "ChannelGate.mlp.1": "channel.reduce",
        "ChannelGate.mlp.3": "channel.expand",
        "SpatialGate.spatial.conv": "spatial.conv",
        "SpatialGate.spatial.bn": "spatial.norm",
        "channel_att.gate_c.gate_c_fc_0": "channel.reduce",
        "channel_att.gate_c.gate_c_bn_1": "channel.norm",
        "channel_att.gate_c.gate_c_fc_final": "channel.expand",
        "spatial_att.gate_s.gate_s_conv_reduce0": "spatial.reduce",
        "spatial_att.gate_s.gate_s_bn_reduce0": "spatial.norms.0",
        "spatial_att.gate_s.gate_s_conv_di_0": "spatial.context.0",
        "spatial_att.gate_s.gate_s_bn_di_0": "spatial.norms.1",
        "spatial_att.gate_s.gate_s_conv_di_1": "spatial.context.1",
        "spatial_att.gate_s.gate_s_bn_di_1": "spatial.norms.2",
        "spatial_att.gate_s.gate_s_conv_final": "spatial.project",
    },
    "timm": {
        "channel.fc1": "channel.reduce",
        "channel.fc2": "channel.expand",
        "spatial.conv.conv": "spatial.conv",
        "spatial.conv.bn": "spatial.norm",
    },
    "torchvision": {},
}
# Input planes of the spatial convolution in each source, in order.
_SPATIAL_PLANE_ORDERS = {"official": "max+avg", "timm": "avg+max"}


class ImportedState(dict[str, Tensor]):
    """A state dict with foveal's keys; `converted` describes every tensor that was changed."""

    converted: tuple[str, ...] = ()


@dataclass(frozen=True)
class LoadReport:
    """Keys of a state dict after loading, by outcome; as a string it is a summary."""

    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    converted: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"{len(self.loaded)} loaded"]
        for title in ("missing", "unexpected", "converted"):
            keys = getattr(self, title)
            lines.append(f"{len(keys)} {title}" + "".join(f"\n  {key}" for key in keys))
        return "\n".join(lines)


def import_state(
    state_dict: Mapping[str, Tensor], source: str, *, target: str | None = None
) -> ImportedState:
    """Convert a state dict of another implementation, of a network or of one module, to foveal's keys.

    Args:
        state_dict: the saved state dict; the prefix `module.` of a wrapped model is removed.
        source: `official` (the authors' CBAM and BAM), `timm` (its CBAM) or `torchvision`. The
            backbones have torchvision's keys in all three.
        target: the attention that receives the weights, such as `cbam`. If its spatial convolution has
            its input planes in another order than the source's, they are swapped. By default the preset
            with the name of the source, for which the order is the same.

    Raises:
        UsageError: the source or the target is unknown.
    """
    names = GATE_KEYS[require_one_of("source", source, GATE_KEYS)]
    if target is not None:
        target = resolve_name(target)
    swaps_planes = target is not None and _get_spatial_plane_order(target) not in {
        None,
        _SPATIAL_PLANE_ORDERS.get(source),
    }
    unwrapped = {key.removeprefix("module."): value for key, value in state_dict.items()}
    imported, converted = ImportedState(), []
    for key, value in unwrapped.items():
        location, gate, leaf = _split_key(key, names)
        if gate is None:
            imported[key] = value
            continue
        # The targets `channel` and `spatial` are halves of CBAM, without its prefix.
        child = names[gate] if target is None else names[gate].removeprefix(f"{target}.")
        name = f"{_get_gate_prefix(location, unwrapped)}{child}.{leaf}"
        if source == "timm" and gate.startswith("channel."):
            value = value.flatten(1)
            converted.append(f"{name}: 1x1 convolution to linear layer")
        if swaps_planes and names[gate] == "spatial.conv":
            value = value.flip(1)
            converted.append(f"{name}: input planes swapped")
        imported[name] = value
    imported.converted = tuple(converted)
    return imported


def _split_key(key: str, names: Mapping[str, str]) -> tuple[str, str | None, str]:
    """Split a key into the location of a gate, the module inside the gate, and the name of the tensor.

    The location is empty and the module None for a key outside gates.

    >>> _split_key("layer1.0.cbam.SpatialGate.spatial.bn.bias", GATE_KEYS["official"])
    ('layer1.0.cbam', 'SpatialGate.spatial.bn', 'bias')
    """
    module, _, leaf = key.rpartition(".")
    for name in names:
        if module == name:
            return "", name, leaf
        if module.endswith("." + name):
            return module.removesuffix("." + name), name, leaf
    return "", None, leaf


def _get_gate_prefix(location: str, state: Mapping[str, Tensor]) -> str:
    """Return the key prefix of a gate, given its location in the source; empty for a single module.

    CBAM follows the last norm of a block. BAM (bam1 to bam3 in the source) follows the last activation of
    a stage.
    """
    if not location:
        return ""
    if stage := re.fullmatch(r"bam(\d)", location):
        layer = f"layer{stage[1]}"
        blocks = {int(m[1]) for key in state if (m := re.match(rf"{layer}\.(\d+)\.", key))}
        block = f"{layer}.{max(blocks)}"
        return f"{block}.relu{_count_convolutions(block, state)}.{GATE_MODULE_NAME}."
    block = location.rpartition(".")[0]
    return f"{block}.bn{_count_convolutions(block, state)}.{GATE_MODULE_NAME}."


def _count_convolutions(block: str, state: Mapping[str, Tensor]) -> int:
    """Return the number of convolutions in a residual block: 2, or 3 in a bottleneck."""
    return 3 if f"{block}.conv3.weight" in state else 2


def _get_spatial_plane_order(target: str) -> str | None:
    """Return the input planes of a module's spatial convolution, or None if it has no such option."""
    planes = get_entry(target).options.get("planes")
    return None if planes is None else str(planes)


def load_state(
    model: nn.Module, state: Mapping[str, Tensor], *, partial: bool = False
) -> LoadReport:
    """Load a state dict and return what happened to each key.

    Raises:
        UsageError: a key is missing, unexpected or has another shape, and `partial` is false. The model
            is unchanged then.
    """
    report = match_keys(model, state)
    if not partial:
        require_matching_keys(
            report.missing, report.unexpected, "Load the matching keys with partial=True."
        )
    load_matched(model, state, report)
    return report


def match_keys(model: nn.Module, state: Mapping[str, Tensor]) -> LoadReport:
    """Compare the keys and shapes of a state dict with those of a model, without loading it."""
    expected = model.state_dict()
    matched = {
        key: None for key in state if key in expected and expected[key].shape == state[key].shape
    }
    return LoadReport(
        loaded=tuple(matched),
        missing=tuple(key for key in expected if key not in matched and not _is_batch_counter(key)),
        unexpected=tuple(key for key in state if key not in matched),
        converted=getattr(state, "converted", ()),
    )


def load_matched(model: nn.Module, state: Mapping[str, Tensor], report: LoadReport) -> None:
    """Load the keys that `report` lists as loaded."""
    model.load_state_dict({key: state[key] for key in report.loaded}, strict=False)


def require_matching_keys(
    missing: tuple[str, ...], unexpected: tuple[str, ...], advice: str
) -> None:
    """Raise a `UsageError` that ends with `advice` if any key is missing or unexpected."""
    if missing or unexpected:
        raise UsageError(
            f"The weights do not match the model: {len(missing)} keys are missing {_abbreviate_keys(missing)} "
            f"and {len(unexpected)} unexpected {_abbreviate_keys(unexpected)}. {advice}"
        )


def _is_batch_counter(key: str) -> bool:
    """Return True for the batch counter of a batch norm: some sources omit it, and no output depends on it."""
    return key.endswith("num_batches_tracked")


def _abbreviate_keys(keys: tuple[str, ...]) -> str:
    """Return the first three keys in parentheses."""
    more = ", ..." if len(keys) > 3 else ""
    return f"({', '.join(keys[:3])}{more})" if keys else "(none)"

"""State dicts of other implementations, in our keys, and an account of what was loaded.

A key that no rule knows is kept and reported, never dropped; a load that is not complete is refused
unless it is asked for. Nothing here unpickles: read the file with `torch.load(..., weights_only=True)`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from foveal.attention import get_entry
from foveal.errors import UsageError
from foveal.validation import require_one_of
from foveal.variant_names import GATE_CHILD

# What each module of a gate is called there, and here.
GATES = {
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
# The order of the planes of each source's spatial convolution.
PLANES = {"official": "max+avg", "timm": "avg+max"}


class ImportedState(dict[str, Tensor]):
    """A state dict in our keys; `converted` says what was changed but for names."""

    converted: tuple[str, ...] = ()


@dataclass(frozen=True)
class LoadReport:
    """What became of each key; printed, it is a summary."""

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
    """Return a state dict of another implementation in our keys, for a network or one module.

    Args:
        state_dict: as it was saved; `module.` of a wrapped model is taken off.
        source: `official` (the authors' CBAM and BAM), `timm` (its CBAM) or `torchvision`. The
            backbones have torchvision's keys in all of them.
        target: the attention that is to take the weights, such as `cbam`. Where its planes stand in
            another order than the source's, the spatial convolution's are exchanged. By default the
            preset of the source's own name, in which nothing changes.

    Raises:
        UsageError: the source or the target is unknown.
    """
    names = GATES[require_one_of("source", source, GATES)]
    flip = target is not None and planes_of(target) not in {None, PLANES.get(source)}
    plain = {key.removeprefix("module."): value for key, value in state_dict.items()}
    imported, converted = ImportedState(), []
    for key, value in plain.items():
        place, gate, leaf = split_key(key, names)
        if gate is None:
            imported[key] = value
            continue
        own = names[gate].removeprefix(f"{target}.")  # `channel` and `spatial` are halves of CBAM
        name = f"{site_of(place, plain)}{own}.{leaf}"
        if source == "timm" and gate.startswith("channel."):
            value = value.flatten(1)  # a 1x1 convolution there, a linear layer here
            converted.append(f"{name}: a 1x1 convolution made linear")
        if flip and names[gate] == "spatial.conv":
            value = value.flip(1)
            converted.append(f"{name}: planes exchanged")
        imported[name] = value
    imported.converted = tuple(converted)
    return imported


def split_key(key: str, names: Mapping[str, str]) -> tuple[str, str | None, str]:
    """Split a key into where the gate stands, which module of it is meant, and the tensor's name.

    >>> split_key("layer1.0.cbam.SpatialGate.spatial.bn.bias", GATES["official"])
    ('layer1.0.cbam', 'SpatialGate.spatial.bn', 'bias')
    """
    module, _, leaf = key.rpartition(".")
    for name in names:
        if module == name:
            return "", name, leaf
        if module.endswith("." + name):
            return module.removesuffix("." + name), name, leaf
    return "", None, leaf


def site_of(place: str, state: Mapping[str, Tensor]) -> str:
    """Return our place of a gate that stands at `place` there, empty for a module on its own.

    CBAM stands behind the last norm of a block; BAM, called bam1 to bam3, behind the last activation of
    a stage.
    """
    if not place:
        return ""
    if stage := re.fullmatch(r"bam(\d)", place):
        layer = f"layer{stage[1]}"
        blocks = {int(m[1]) for key in state if (m := re.match(rf"{layer}\.(\d+)\.", key))}
        block = f"{layer}.{max(blocks)}"
        return f"{block}.relu{convolutions_of(block, state)}.{GATE_CHILD}."
    block = place.rpartition(".")[0]
    return f"{block}.bn{convolutions_of(block, state)}.{GATE_CHILD}."


def convolutions_of(block: str, state: Mapping[str, Tensor]) -> int:
    """Return the number of convolutions in a residual block: 2, or 3 in a bottleneck."""
    return 3 if f"{block}.conv3.weight" in state else 2


def planes_of(target: str) -> str | None:
    """Return the order of the planes of an attention module, None where it has none."""
    planes = get_entry(target).options.get("planes")
    return None if planes is None else str(planes)


def load_state(
    model: nn.Module, state: Mapping[str, Tensor], *, partial: bool = False
) -> LoadReport:
    """Load a state dict and return what became of each key.

    Raises:
        UsageError: a key is missing or unexpected, or has another shape, and `partial` is false. The
            model is as it was then.
    """
    report = account(model, state)
    if not partial:
        refuse_misfit(report.missing, report.unexpected, "load what fits with partial=True")
    put(model, state, report)
    return report


def account(model: nn.Module, state: Mapping[str, Tensor]) -> LoadReport:
    """Say what would become of each key, without loading any."""
    own = model.state_dict()
    fits = {key: None for key in state if key in own and own[key].shape == state[key].shape}
    return LoadReport(
        loaded=tuple(fits),
        missing=tuple(key for key in own if key not in fits and not bookkeeping(key)),
        unexpected=tuple(key for key in state if key not in fits),
        converted=getattr(state, "converted", ()),
    )


def put(model: nn.Module, state: Mapping[str, Tensor], report: LoadReport) -> None:
    """Load the keys that are to be loaded by `report`."""
    model.load_state_dict({key: state[key] for key in report.loaded}, strict=False)


def refuse_misfit(missing: tuple[str, ...], unexpected: tuple[str, ...], advice: str) -> None:
    """Raise an error that ends in `advice` where any key is missing or unexpected."""
    if missing or unexpected:
        raise UsageError(
            f"The weights do not fit the model: {len(missing)} keys are missing {shown(missing)} "
            f"and {len(unexpected)} unexpected {shown(unexpected)}; {advice}."
        )


def bookkeeping(key: str) -> bool:
    """Say whether a key only counts batches: some sources leave it out, and no output hangs on it."""
    return key.endswith("num_batches_tracked")


def shown(keys: tuple[str, ...]) -> str:
    """Return the first keys in brackets."""
    more = ", ..." if len(keys) > 3 else ""
    return f"({', '.join(keys[:3])}{more})" if keys else "(none)"

"""Guard of inserted gates: before each forward pass every gate is in its place, moves along, or is missed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from torch import nn
from torch.utils.hooks import RemovableHandle

from foveal.attention.inserted import get_gate, get_record
from foveal.errors import FovealError
from foveal.models.folded_norm import Convolution, CopyMark, FoldedNormHook, remove_folding_hooks
from foveal.models.gate_hooks import attach_gate, has_gate_hook, remove_gate_hooks, remove_hooks
from foveal.models.holders import CONTAINERS
from foveal.models.rebuilt_networks import forget_rebuilding, watch_rebuilding
from foveal.variant_names import GATE_MODULE_NAME


@dataclass(eq=False)
class GuardedSite:
    """A site of an inserted gate.

    Attributes:
        path: names of the modules from the network to the holder of the gate.
        holder: the module that holds the gate.
        parent: the module that contains the holder.
        gate: the gate.
        convolution: path of the convolution that folding merges with the holder, if the holder is a norm.
        forward: a `forward` that replaces the one of the holder's class.
    """

    path: tuple[str, ...]
    holder: nn.Module
    parent: nn.Module
    gate: nn.Module
    convolution: tuple[str, ...] | None = None
    forward: object = None

    @property
    def name(self) -> str:
        """Name of the holder in the network."""
        return ".".join(self.path)

    def is_in_place(self, model: nn.Module) -> bool:
        """Return True if the holder is in the network and applies its gate."""
        found = find_module(model, self.path)
        # torch.export wraps modules that a network has twice in proxies with the same attributes.
        is_holder = found is self.holder or (found is not None and vars(found) is vars(self.holder))
        return (
            is_holder
            and GATE_MODULE_NAME in self.holder._modules
            and has_gate_hook(self.holder, self.gate)
        )


@dataclass(eq=False)
class GateGuard:
    """Forward pre-hook of a network that looks after its gates, an object that is copied and pickled with it.

    A gate whose module was wrapped, renamed or rebuilt without its hooks is found again. Where a module was
    replaced, or a norm was folded into its convolution, the gate moves to the module that took its place.
    Otherwise the forward pass raises.
    """

    mark: CopyMark = field(default_factory=CopyMark)  # the first field, see `FoldedNormHook`
    sites: list[GuardedSite] = field(default_factory=list)

    def __call__(self, model: nn.Module, _: object) -> None:
        """Check every site; a replica of `DataParallel` has the sites of the original."""
        if getattr(model, "_is_replica", False):
            return
        changed = [site for site in self.sites if not site.is_in_place(model)]
        for site in changed:
            restore_gate(model, site)
        overridden = [s for s in self.sites if vars(s.holder).get("forward") is not s.forward]
        if changed or overridden:
            _verify_calls(model, [*changed, *overridden])


def find_guard(model: nn.Module) -> GateGuard | None:
    """Return the guard of a network, or None."""
    hooks = model._forward_pre_hooks.values()
    return next((hook for hook in hooks if isinstance(hook, GateGuard)), None)


def guard_gate(model: nn.Module, gate: nn.Module) -> None:
    """Attach a gate to the module that its record names, and let the guard of the network look after it."""
    record = get_record(gate)
    assert record is not None
    path = tuple(record.place.split("."))
    holder, parent = model.get_submodule(record.place), model.get_submodule(".".join(path[:-1]))
    attach_gate(holder, gate.train(holder.training))
    guard = find_guard(model)
    if guard is None:
        guard = GateGuard()
        model.register_forward_pre_hook(guard)
        watch_rebuilding(model, guard.mark)
    site = GuardedSite(path, holder, parent, gate, forward=vars(holder).get("forward"))
    if record.convolution is not None:
        convolution = model.get_submodule(record.convolution)
        assert isinstance(convolution, Convolution)
        site.convolution = tuple(record.convolution.split("."))
        convolution.register_forward_hook(FoldedNormHook(guard.mark, convolution, holder, gate))
    guard.sites.append(site)


def restore_gates(model: nn.Module) -> None:
    """Move every gate along that can be moved, as the next forward pass would; lost gates are left alone."""
    for module in list(model.modules()):
        guard = find_guard(module)
        lost = find_lost_sites(module)
        for site in guard.sites if guard is not None else ():
            if not site.is_in_place(module) and site not in lost:
                restore_gate(module, site)


def find_lost_sites(model: nn.Module) -> list[GuardedSite]:
    """Return the sites whose gates are no longer in the network and cannot move along."""
    guard = find_guard(model)
    sites = [] if guard is None else [s for s in guard.sites if not s.is_in_place(model)]
    return [site for site in sites if next(_list_new_holders(model, site), None) is None]


def release_gates(model: nn.Module, gates: set[nn.Module]) -> None:
    """Remove gates from a network, with their hooks; a guard without sites is removed as well."""
    for module in list(model.modules()):
        remove_gate_hooks(module, gates)
        if module._modules.get(GATE_MODULE_NAME) in gates:
            delattr(module, GATE_MODULE_NAME)
        guard = find_guard(module)
        if guard is not None:
            guard.sites = [site for site in guard.sites if site.gate not in gates]
            if not guard.sites:
                forget_rebuilding(module)
                remove_hooks(module._forward_pre_hooks, guard.__eq__)


def find_module(model: nn.Module, path: tuple[str, ...]) -> nn.Module | None:
    """Return the module at a path, or None."""
    module: nn.Module | None = model
    for name in path:
        if module is None:
            return None
        module = module._modules.get(name)
    return module


def restore_gate(model: nn.Module, site: GuardedSite) -> None:
    """Find the gate of a site again, or move it to the module that took the place of its holder.

    Raises:
        FovealError: the gate is lost.
    """
    for path, holder in _list_new_holders(model, site):
        _adapt_gate(site.gate, holder)
        remove_folding_hooks(holder)
        convolution = find_module(model, site.convolution) if site.convolution else None
        if isinstance(holder, nn.Identity) and convolution is not None:
            remove_folding_hooks(convolution)  # whose copy of the gate would be applied as well
        attach_gate(holder, site.gate)
        site.path, site.holder, site.forward = path, holder, vars(holder).get("forward")
        site.parent = find_module(model, path[:-1]) or model
        return
    raise FovealError(
        f"The gate at {site.name!r} is lost: a conversion of the network removed or replaced its module. "
        "Convert the network first, then insert attention and load the weights. If the module was removed on "
        "purpose, call `foveal.insertion_of(model).accept_losses()`."
    )


def _list_new_holders(
    model: nn.Module, site: GuardedSite
) -> Iterator[tuple[tuple[str, ...], nn.Module]]:
    """Yield the modules that can hold the gate of a site now, the most certain first, with their paths."""
    modules = [(tuple(n.split(".")) if n else (), m) for n, m in model.named_modules()]
    yield from ((path, m) for path, m in modules if get_gate(m) is site.gate)
    yield from ((path, m) for path, m in modules if has_gate_hook(m, site.gate))
    successor = find_module(model, site.path)
    convolution = find_module(model, site.convolution) if site.convolution else None
    if successor is not None and not isinstance(successor, CONTAINERS):
        is_same_parent = find_module(model, site.path[:-1]) is site.parent
        if is_same_parent and "ReLU" not in type(convolution).__name__:
            yield site.path, successor
    elif successor is None and convolution is not None and site.convolution:
        yield site.convolution, convolution


def _adapt_gate(gate: nn.Module, holder: nn.Module) -> None:
    """Give a gate the dtype and device of the parameters of its new holder; it keeps its own mode."""
    parameter = next((p for p in holder.parameters() if p.is_floating_point()), None)
    if parameter is not None:
        gate.to(parameter.device, parameter.dtype)


def _verify_calls(model: nn.Module, sites: list[GuardedSite]) -> None:
    """Let the forward pass that begins raise unless each gate runs once whenever its holder runs."""
    calls = Counter[nn.Module]()
    handles: list[RemovableHandle] = []

    def count(module: nn.Module, _: object) -> None:
        calls[module] += 1

    def compare(_: nn.Module, __: object, output: Any) -> None:
        for handle in handles:
            handle.remove()
        for site in sites:
            site.forward = vars(site.holder).get("forward")
            if output is not None and calls[site.holder] != calls[site.gate]:
                raise FovealError(
                    f"The gate at {site.name!r} ran {calls[site.gate]} times in {calls[site.holder]} calls of "
                    "its module, because a conversion of the network replaced the forward of that module. "
                    "Convert the network first, then insert attention."
                )

    for site in sites:
        handles += [each.register_forward_pre_hook(count) for each in (site.holder, site.gate)]
    handles.append(model.register_forward_hook(compare, always_call=True))

"""Gates stay through everything that is done to a network, or the forward pass says that one is gone."""

import copy
import importlib
import io
import json
import pickle
import warnings
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.utils.checkpoint import checkpoint

import foveal
from foveal import insert, insertion_of
from foveal.attention.inserted import find_gates
from foveal.errors import FovealError, UsageError


class Block(nn.Module):
    def __init__(self, fan_in: int, width: int, *, bias: bool = False) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(fan_in, width, 3, padding=1, bias=bias)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=bias)
        self.bn2 = nn.BatchNorm2d(width)
        self.shortcut = nn.Conv2d(fan_in, width, 1)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        branch = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        out: Tensor = self.relu(branch + self.shortcut(x))
        return out


class FoldingBlock(Block):
    """As ultralytics folds: the norm is deleted, and another forward takes its place."""

    def forward_fused(self, x: Tensor) -> Tensor:
        branch = self.conv2(torch.relu(self.conv1(x)))
        out: Tensor = self.relu(branch + self.shortcut(x))
        return out

    def fold(self) -> None:
        self.conv1 = fuse_conv_bn_eval(self.conv1, self.bn1)
        folded = fuse_conv_bn_eval(self.conv2, self.bn2)
        self.conv2.weight, self.conv2.bias = folded.weight, folded.bias
        del self.bn1, self.bn2
        self.forward = self.forward_fused  # type: ignore[method-assign]


class Network(nn.Module):
    def __init__(self, kind: type[Block] = Block, *, bias: bool = False) -> None:
        super().__init__()
        self.block1, self.block2 = kind(3, 8, bias=bias), kind(8, 6, bias=bias)
        self.head = nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.block2(self.block1(x)).mean((2, 3)))
        return out


def make_images(count: int = 2) -> Tensor:
    return torch.randn(count, 3, 9, 7, generator=torch.Generator().manual_seed(0))


def draw_statistics(model: nn.Module) -> None:
    """Give norms statistics and weights that matter; a fresh norm is nearly an identity."""
    generator = torch.Generator().manual_seed(1)
    for norm in model.modules():
        if isinstance(norm, nn.BatchNorm2d):
            for values in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
                assert values is not None
                values.data = 0.5 + torch.rand(values.shape, generator=generator)


def make_gated(
    kind: type[Block] = Block, *, bias: bool = False, attention: str = "cbam"
) -> tuple[nn.Module, Tensor]:
    """Return a network with two gates, in eval mode, and its output."""
    torch.manual_seed(0)
    model = Network(kind, bias=bias).eval()
    draw_statistics(model)
    insertion = insert(model, attention, example=make_images(1), seed=3)
    assert [site.name for site in insertion.sites] == ["block1.bn2", "block2.bn2"]
    return model, model(make_images())


class FrozenNorm(nn.Module):
    """As detectors freeze norms: a new module with the same function."""

    scale: Tensor
    shift: Tensor

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        assert norm.running_var is not None
        assert norm.running_mean is not None
        scale = norm.weight * (norm.running_var + norm.eps).rsqrt()
        self.register_buffer("scale", scale.detach()[:, None, None])
        shift = norm.bias - norm.running_mean * scale
        self.register_buffer("shift", shift.detach()[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale + self.shift


def replace_norms(model: nn.Module, make: Callable[[nn.BatchNorm2d], nn.Module]) -> nn.Module:
    for name, child in list(model.named_children()):
        if isinstance(child, nn.BatchNorm2d):
            setattr(model, name, make(child))
        else:
            replace_norms(child, make)
    return model


def fuse_by_fx(model: nn.Module) -> nn.Module:
    fuse = importlib.import_module("torch.fx.experimental.optimization").fuse  # it warns on import
    fused: nn.Module = fuse(model)
    return fused


def fold_like_ultralytics(model: nn.Module) -> nn.Module:
    for block in list(model.modules()):
        if isinstance(block, FoldingBlock):
            block.fold()
    return model


def fold_by_identities(model: nn.Module) -> nn.Module:
    """Put a folded copy in the place of each convolution, and an identity in that of its norm."""
    for block in list(model.modules()):
        if isinstance(block, Block):
            for i in (1, 2):
                convolution, norm = (getattr(block, f"{kind}{i}") for kind in ("conv", "bn"))
                folded = fuse_conv_bn_eval(convolution, norm)
                setattr(block, f"conv{i}", folded)
                setattr(block, f"bn{i}", nn.Identity())
    return model


def fuse_by_quantization(model: nn.Module) -> nn.Module:
    pairs = [[f"block{i}.conv{j}", f"block{i}.bn{j}"] for i in (1, 2) for j in (1, 2)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fused: nn.Module = torch.ao.quantization.fuse_modules(model, pairs)  # type: ignore[no-untyped-call]
    return fused


def wrap_a_block(model: nn.Module) -> nn.Module:
    model.block1 = nn.DataParallel(model.get_submodule("block1"))
    return model


def clear_hooks(model: nn.Module) -> nn.Module:
    for module in model.modules():
        if module is not model:
            module._forward_hooks.clear()
    return model


def load_anew(model: nn.Module) -> nn.Module:
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    loaded: nn.Module = torch.load(file, weights_only=False)
    return loaded


CONVERSIONS: dict[str, Callable[[nn.Module], nn.Module]] = {
    "deepcopy": copy.deepcopy,
    "pickle": load_anew,
    "average": lambda m: torch.optim.swa_utils.AveragedModel(m),
    "torch.fx": fuse_by_fx,
    "torch.fx twice copied": lambda m: fuse_by_fx(copy.deepcopy(copy.deepcopy(m))),
    "frozen norms": lambda m: replace_norms(m, FrozenNorm),
    "synchronized norms": nn.SyncBatchNorm.convert_sync_batchnorm,
    "quantization": fuse_by_quantization,
    "folded by hand": fold_like_ultralytics,
    "folded, with identities": fold_by_identities,
    "wrapped block": wrap_a_block,
    "hooks cleared": clear_hooks,
    "replica": lambda m: m._replicate_for_data_parallel(),  # type: ignore[no-untyped-call]
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("conversion", CONVERSIONS)
def test_gates_move_along(conversion: str, bias: bool) -> None:
    model, expected = make_gated(FoldingBlock, bias=bias)
    converted = CONVERSIONS[conversion](model).eval()
    for _ in range(2):  # some gates move in the first pass
        torch.testing.assert_close(converted(make_images()), expected, rtol=1e-4, atol=1e-5)
    assert len(find_gates(converted)) == 2
    again = copy.deepcopy(converted).eval()
    torch.testing.assert_close(again(make_images()), expected, rtol=1e-4, atol=1e-5)
    assert len(list(insertion_of(again).gates)) == 2


class ConvNormAct(nn.Module):
    def __init__(self, fan_in: int, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(fan_in, width, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.norm(self.conv(x)))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("where", ["0", "1.norm"])
def test_a_gate_of_a_module_with_children_is_one_call_in_torch_fx(where: str) -> None:
    model = nn.Sequential(ConvNormAct(3, 8), ConvNormAct(8, 6), nn.Conv2d(6, 2, 1)).eval()
    draw_statistics(model)
    insert(model, "cbam", where=where, example=make_images(1))
    expected = model(make_images())
    for converted in torch.fx.symbolic_trace(model), fuse_by_fx(model):
        torch.testing.assert_close(converted(make_images()), expected, rtol=1e-4, atol=1e-5)
        assert len(find_gates(converted)) == 1
        assert len(insertion_of(converted).gates) == 1


def test_a_group_norm_in_place_of_a_batch_norm_keeps_its_gate() -> None:
    model, _ = make_gated()
    plain = Network().eval()
    plain.load_state_dict(model.state_dict(), strict=False)
    for each in (model, plain):
        replace_norms(each, lambda norm: nn.GroupNorm(2, norm.num_features))
    gates = insertion_of(model).gates
    plain.block1.bn2.register_forward_hook(lambda _, __, out: gates[0](out))
    plain.block2.bn2.register_forward_hook(lambda _, __, out: gates[1](out))
    assert torch.equal(model(make_images()), plain(make_images()))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_casts_take_gates_along(dtype: torch.dtype) -> None:
    model, expected = make_gated()
    out = model.to(dtype)(make_images().to(dtype))
    torch.testing.assert_close(out.float(), expected, rtol=0.1, atol=0.05)
    assert {p.dtype for gate in find_gates(model).values() for p in gate.parameters()} == {dtype}
    out = replace_norms(model, FrozenNorm)(make_images().to(dtype))
    torch.testing.assert_close(out.float(), expected, rtol=0.1, atol=0.05)


def test_gates_of_a_folded_network_are_removed() -> None:
    model, _ = make_gated(FoldingBlock)
    plain = Network(FoldingBlock).eval()
    plain.load_state_dict(model.state_dict(), strict=False)
    for each in (model, plain):
        fold_like_ultralytics(each)
        each(make_images())
    insertion_of(model).remove()
    assert torch.equal(model(make_images()), plain(make_images()))
    assert not find_gates(model)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def lose_by_replacing_a_block(model: nn.Module) -> None:
    model.block2 = Block(8, 6)


def lose_by_fusing_an_activation(model: nn.Module) -> None:
    """As `fuse_modules` does with convolution, norm and ReLU: no module is left between them."""
    block = model.block2
    assert isinstance(block, Block)
    block.conv2 = torch.ao.nn.intrinsic.ConvReLU2d(block.conv2, nn.ReLU())  # type: ignore[assignment, no-untyped-call]
    block.bn2 = nn.Identity()  # type: ignore[assignment]


def lose_by_a_container(model: nn.Module) -> None:
    block = model.block2
    assert isinstance(block, Block)
    block.bn2 = nn.Sequential(nn.BatchNorm2d(6))  # type: ignore[assignment]


def lose_by_removing_norm_and_convolution(model: nn.Module) -> None:
    block = model.block2
    assert isinstance(block, Block)
    folded = block.folded = nn.Conv2d(8, 6, 3, padding=1)
    del block.bn2, block.conv2
    block.forward = lambda x: block.relu(folded(x))  # type: ignore[method-assign]


@pytest.mark.parametrize(
    "lose",
    [
        lose_by_replacing_a_block,
        lose_by_fusing_an_activation,
        lose_by_a_container,
        lose_by_removing_norm_and_convolution,
    ],
)
def test_a_lost_gate_raises(lose: Callable[[nn.Module], None]) -> None:
    model, _ = make_gated()
    lose(model)
    for _ in range(2):
        with pytest.raises(FovealError, match=r"The gate at 'block2\.bn2' is lost.*accept_losses"):
            model(make_images())
    insertion = insertion_of(model)
    insertion.accept_losses()
    assert model(make_images()).shape == (2, 4)
    assert [name for name in find_gates(model) if "block1" in name] == ["block1.bn2.attention"]


def run_children(norm: nn.Module) -> Callable[[Tensor], Tensor]:
    """Return a forward that calls all children of a norm, and so its gate."""

    def forward(x: Tensor) -> Tensor:
        for child in norm.children():
            x = child(x)
        return x

    return forward


def test_a_gate_that_runs_twice_raises() -> None:
    model, _ = make_gated()
    norm = model.get_submodule("block1.bn2")
    norm.forward = run_children(norm)
    with pytest.raises(FovealError, match=r"'block1\.bn2' ran 2 times in 1 calls"):
        model(make_images())


class SkippingNetwork(Network):
    """An early exit, an auxiliary head in training only, and blocks under checkpointing or dropped."""

    def __init__(self) -> None:
        super().__init__()
        self.auxiliary = Block(8, 4)
        self.exits_early = self.drops = self.recomputes = False

    def forward(self, x: Tensor) -> Tensor:
        x = checkpoint(self.block1, x, use_reentrant=False) if self.recomputes else self.block1(x)
        if self.exits_early:
            return x
        if self.training:
            x = x + self.auxiliary(x).mean()
        x = x[:, :6] if self.drops else self.block2(x)
        out: Tensor = self.head(x.mean((2, 3)))
        return out


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("flag", ["exits_early", "drops", "recomputes", ""])
@pytest.mark.parametrize("converted", [False, True])
def test_a_skipped_or_recomputed_site_raises_nothing(
    flag: str, training: bool, converted: bool
) -> None:
    torch.manual_seed(0)
    model = SkippingNetwork()
    insert(model, "se", example=make_images(1), where="block?.bn2")
    if converted:  # the calls of the first pass are counted
        model = replace_norms(model, lambda norm: nn.GroupNorm(2, norm.num_features))  # type: ignore[assignment]
    if flag:
        setattr(model, flag, True)
    for _ in range(2):
        model.train(training)(make_images()).sum().backward()
    assert all(p.grad is not None for p in model.block1.bn2.attention.parameters())  # type: ignore[union-attr]


def test_a_pass_that_fails_leaves_nothing_behind() -> None:
    model, expected = make_gated()
    model.block1.bn2 = nn.Identity()  # type: ignore[union-attr]
    with pytest.raises(RuntimeError):
        model(torch.zeros(1, 4, 5, 5))
    assert model(make_images()).shape == expected.shape
    hooks = [hook for module in model.modules() for hook in module._forward_pre_hooks.values()]
    assert [type(hook).__name__ for hook in hooks] == ["GateGuard"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_scripting_is_refused_in_a_sentence_and_tracing_works() -> None:
    model, expected = make_gated()
    with pytest.raises(UsageError, match=r"torch\.jit\.script cannot .*\. Use torch\.jit\.trace"):
        torch.jit.script(model)
    traced = torch.jit.trace(model, make_images(3))  # type: ignore[no-untyped-call]
    torch.testing.assert_close(traced(make_images()), expected)


@pytest.mark.filterwarnings("ignore:.torch.jit.trace:DeprecationWarning")
@pytest.mark.filterwarnings(r"ignore:.isinstance\(treespec, LeafSpec\):FutureWarning")
def test_compiles_in_one_graph_and_exports() -> None:
    model, expected = make_gated(attention="se")
    torch._dynamo.reset()
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(make_images()), expected, rtol=1e-4, atol=1e-5)
    program = torch.export.export(model, (make_images(),))
    torch.testing.assert_close(program.module()(make_images()), expected, rtol=1e-4, atol=1e-5)
    traced = torch.jit.trace(model, make_images())  # type: ignore[no-untyped-call]
    torch.testing.assert_close(traced(make_images()), expected, rtol=1e-4, atol=1e-5)


def test_insertion_of_a_copy_a_pickle_and_a_wrapped_network() -> None:
    model, expected = make_gated()
    plain = Network().eval()
    plain.load_state_dict(model.state_dict(), strict=False)
    others = [copy.deepcopy(model), pickle.loads(pickle.dumps(model)), nn.Sequential(model)]
    for other in others:
        insertion = insertion_of(other)
        prefix = "0." if isinstance(other, nn.Sequential) else ""
        assert [s.name for s in insertion.sites] == [f"{prefix}block1.bn2", f"{prefix}block2.bn2"]
        assert (insertion.attention, insertion.where) == ("cbam", "residual")
        assert torch.equal(other(make_images()), expected)
        insertion.remove()
        assert torch.equal(other(make_images()), plain(make_images()))
    with pytest.raises(UsageError, match="Sequential has no gates"):
        insertion_of(others[-1])


def test_insertion_of_a_network_with_several_insertions() -> None:
    model = Network().eval()
    before = model(make_images())
    insert(model, "se", example=make_images(1))
    insert(model, "eca", where="block?.relu", example=make_images(1))
    insertion = insertion_of(model)
    assert len(insertion.gates) == 4
    assert (insertion.attention, insertion.where) == ("se+eca", "residual+block?.relu")
    insertion.remove()
    assert torch.equal(model(make_images()), before)


def test_a_recipe_restores_the_gates_of_a_rebuilt_network() -> None:
    torch.manual_seed(0)
    model = Network().eval()
    insert(model, "cbam", reduction=[2, 3], start="identity", example=make_images(1))
    insert(model, "simam", where="block1.relu", example=make_images(1))
    for gate in find_gates(model).values():
        for parameter in gate.parameters():
            parameter.data += 0.3
    recipe = json.loads(json.dumps(insertion_of(model).recipe()))
    places = [gate["place"] for gate in recipe["gates"]]
    assert places == ["block1.bn2", "block1.relu", "block2.bn2"]
    rebuilt = Network().eval()
    with pytest.raises(RuntimeError, match="Unexpected key"):
        rebuilt.load_state_dict(model.state_dict())
    insertion = foveal.apply(recipe, rebuilt)
    assert len(insertion.gates) == 3
    rebuilt.load_state_dict(model.state_dict())
    assert torch.equal(rebuilt(make_images()), model(make_images()))
    assert insertion.recipe() == recipe


def test_the_recipe_of_a_folded_network_names_the_places_before_folding() -> None:
    model, expected = make_gated(FoldingBlock)
    state = model.state_dict()
    folded = fold_like_ultralytics(copy.deepcopy(model))
    folded(make_images())
    rebuilt = Network(FoldingBlock).eval()
    foveal.apply(insertion_of(folded).recipe(), rebuilt)
    rebuilt.load_state_dict(state)
    assert torch.equal(rebuilt(make_images()), expected)


def test_a_recipe_that_does_not_fit_is_refused() -> None:
    model, _ = make_gated()
    recipe = insertion_of(model).recipe()
    with pytest.raises(UsageError, match=r"no module 'block1\.bn2'"):
        foveal.apply(recipe, nn.Sequential(nn.Conv2d(3, 4, 3)))
    with pytest.raises(UsageError, match="already has attention"):
        foveal.apply(recipe, model)
    with pytest.raises(UsageError, match="Parameter `recipe` should be"):
        foveal.apply({"gates": []}, Network())
    unknown = {**recipe, "gates": [{**recipe["gates"][0], "attention": "not_imported:Gate"}]}
    with pytest.raises(UsageError, match="Import not_imported before the recipe is applied"):
        foveal.apply(unknown, Network())
    harmful = {**recipe, "gates": [{**recipe["gates"][0], "attention": "os:getcwd"}]}
    with pytest.raises(UsageError, match=r"should be a subclass of torch\.nn\.Module"):
        foveal.apply(harmful, Network())


class Halving(nn.Module):
    def __init__(self, channels: int, factor: float = 0.5) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.full((channels, 1, 1), factor))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor


def test_a_recipe_has_own_attention_by_name() -> None:
    model = Network().eval()
    insertion = insert(model, Halving, factor=0.25, example=make_images(1))
    rebuilt = Network().eval()
    rebuilt.load_state_dict(model.state_dict(), strict=False)
    foveal.apply(json.loads(json.dumps(insertion.recipe())), rebuilt)
    assert torch.equal(rebuilt(make_images()), model(make_images()))

    class Local(Halving):
        pass

    with pytest.raises(UsageError, match="outside of functions"):
        insert(Network(), Local, example=make_images(1)).recipe()


class Widening(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels + 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(x)
        return out


def test_own_attention_with_another_shape_is_refused_and_nothing_is_left() -> None:
    model = Network().eval()
    before = model(make_images())
    with pytest.raises(UsageError, match=r"same shape\. Found \(1, 9, 9, 7\) for a map \(1, 8"):
        insert(model, Widening, example=make_images(1))
    assert torch.equal(model(make_images()), before)
    assert not find_gates(model)

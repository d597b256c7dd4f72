"""Attention modules of users: a class, a function, or `package.module:Class` as text."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable

from torch import nn

from foveal.errors import UsageError, bad_parameter
from foveal.user_imports import import_string

_DIMENSIONS_OPTION = (
    "dims"  # number of spatial dimensions of the map, passed if a signature names it
)
_MAP_DIMENSIONS = 2


def is_user_name(name: str) -> bool:
    """Return True if a name of an attention module means a user's own: `package.module:Class`."""
    return ":" in name


def name_factory(factory: object) -> str:
    """Return `package.module:Class` of a user's class or function.

    Raises:
        UsageError: `factory` is a module instead of a class, or cannot be called.
    """
    if isinstance(factory, nn.Module):
        raise UsageError(
            f"Parameter `attention` should be a class, because each site gets a module of its own. "
            f"Found a module: give {type(factory).__name__} and its options to `insert`."
        )
    if not callable(factory):
        raise bad_parameter("attention", "a name, a class or a function", factory)
    source = factory.func if isinstance(factory, functools.partial) else factory
    name = getattr(source, "__qualname__", type(source).__qualname__)
    return f"{source.__module__}:{name}"


def get_user_factory(name: str) -> Callable[..., nn.Module]:
    """Return the class or function `package.module:Class`, imported also from the current folder.

    Raises:
        UsageError: it cannot be imported.
    """
    factory: Callable[..., nn.Module] = import_string(name)
    return factory


def list_user_options(name: str, factory: Callable[..., nn.Module]) -> dict[str, object]:
    """Return the options of a user's class with their defaults; without one, `inspect.Parameter.empty`.

    Raises:
        UsageError: the class does not take the number of channels as its first argument.
    """
    parameters = _list_parameters(factory)
    if not parameters or parameters[0].kind in (
        inspect.Parameter.KEYWORD_ONLY,
        inspect.Parameter.VAR_KEYWORD,
    ):
        raise UsageError(
            f"{name} should take the number of channels as its first argument, as in "
            f"`def __init__(self, channels, ...)`."
        )
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return {
        p.name: p.default
        for p in parameters[1:]
        if p.kind not in variadic and p.name != _DIMENSIONS_OPTION
    }


def accepts_any_option(factory: Callable[..., nn.Module]) -> bool:
    """Return True if a user's class takes `**options`."""
    return any(p.kind is inspect.Parameter.VAR_KEYWORD for p in _list_parameters(factory))


def wrap_user_factory(name: str, factory: Callable[..., nn.Module]) -> Callable[..., nn.Module]:
    """Return a function that calls `factory(channels, **options)` and reports its errors in a sentence.

    `dims`, the number of spatial dimensions, is passed by keyword, and only to a signature that names it.
    """
    names = {p.name for p in _list_parameters(factory)[1:]}
    extra = {_DIMENSIONS_OPTION: _MAP_DIMENSIONS} if _DIMENSIONS_OPTION in names else {}

    @functools.wraps(factory, updated=())
    def create_module(channels: int, **options: object) -> nn.Module:
        try:
            module = factory(channels, **extra, **options)
        except Exception as error:  # code of a user may raise anything
            given = "".join(f", {key}={value!r}" for key, value in options.items())
            raise UsageError(
                f"{name}({channels}{given}) raised {type(error).__name__}: {error}"
            ) from error
        if not isinstance(module, nn.Module):
            raise UsageError(
                f"{name} should return a torch.nn.Module. Found {type(module).__name__}."
            )
        return module

    return create_module


def _list_parameters(factory: Callable[..., nn.Module]) -> list[inspect.Parameter]:
    """Return the parameters of a class or function; none if they cannot be read."""
    try:
        return list(inspect.signature(factory).parameters.values())
    except (TypeError, ValueError):
        return []

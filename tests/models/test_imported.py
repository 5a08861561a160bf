import pytest
from torch import nn

from spikeformers.errors import ConfigError
from spikeformers.models import build_module


def test_a_function_is_called():
    assert isinstance(build_module("torch.nn:Identity"), nn.Identity)


@pytest.mark.parametrize("text", ["torch.nn:NoSuchThing", "no_such_package:build", "torch.nn:", ":build", "torch.nn"])
def test_what_is_not_there_is_named(text):
    with pytest.raises(ConfigError, match="cannot be found"):
        build_module(text)


def test_what_is_no_module_is_refused():
    with pytest.raises(ConfigError, match="must return a torch module, got OrderedDict"):
        build_module("collections:OrderedDict")


def test_what_is_no_function_is_refused():
    with pytest.raises(ConfigError, match="must be a function that returns a torch module, got float"):
        build_module("math:pi")

"""What may be written for a model, and the short name that its cases have."""

from __future__ import annotations

import pytest

from bench.record.spec import Kind, parse_specs, read_spec

BUILT_IN = ("mlp", "mlp-wide", "gpt")


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        ("mlp-wide", Kind.BUILT_IN, "mlp-wide"),
        ("torchvision:resnet18", Kind.TORCHVISION, "resnet18"),
        ("package.module:factory", Kind.MODULE, "factory"),
        ("package:Net.tiny", Kind.MODULE, "Net.tiny"),
        ("path/net.py:make", Kind.FILE, "make"),
        ("net.py:make", Kind.FILE, "make"),
        ("1_Square_matrix-multiplication.py", Kind.PROTOCOL, "1_Square_matrix_multiplication"),
        ("/somewhere/with blank/a.py:make", Kind.FILE, "make"),
    ],
)
def test_spec_says_where_a_network_comes_from(text: str, kind: Kind, name: str) -> None:
    """The text is what is on record, and a worker reads the same from it."""
    (spec,) = parse_specs([text], BUILT_IN)
    assert (spec.kind, spec.id, spec.text) == (kind, name, text)
    if kind is not Kind.BUILT_IN:
        assert read_spec(name, text) == spec
    assert spec.is_own is (kind in (Kind.MODULE, Kind.FILE, Kind.PROTOCOL))


@pytest.mark.parametrize("text", ["", "mpl", "net.py:", ":make", "net.py:make()", "torchvision:", "a b:c"])
def test_what_is_no_spec_is_told_the_ways_there_are(text: str) -> None:
    """A typing error is the usual cause."""
    with pytest.raises(ValueError, match=r"unknown model .*; known: mlp, mlp-wide, gpt, torchvision:NAME, package"):
        parse_specs([text], BUILT_IN)


def test_two_models_never_share_an_id() -> None:
    """A case's id is a name of files and tests; a built-in name is the built-in model's even where unused."""
    texts = ["a.py:make", "b.py:make", "folder/b.py:make", "c.py:gpt", "torchvision:vgg11", "zoo:vgg11", "vgg11.py"]
    names = [spec.id for spec in parse_specs(texts, BUILT_IN)]
    assert names == ["make", "b.make", "b.make.2", "c.gpt", "vgg11", "zoo.vgg11", "protocol.vgg11"]
    assert len(set(names)) == len(texts)

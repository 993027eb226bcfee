"""Key networks as TOML files."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from roadseal.crypto.toml_source import TomlSource
from roadseal.errors import RoadsealError, why_unreadable
from roadseal.operate.qkd.network import Network, Node, Span


class _Node(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    relays: bool


class _Link(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    a: str
    b: str
    pool_bits: float = Field(ge=0)
    up: bool = True


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    node: tuple[_Node, ...] = Field(min_length=2)
    link: tuple[_Link, ...] = Field(min_length=1)


def load_network(path: Path) -> Network:
    """Read a network: `[[node]]` with name and relays, `[[link]]` with a, b, pool_bits and up.

    Raises:
        RoadsealError: ``qkd-net-missing``, ``qkd-net-invalid``; the error names the line.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RoadsealError(
            "qkd-net-missing",
            f"{path} cannot be read as a key network: {why_unreadable(error)}.",
            advice="Give a TOML file with [[node]] and [[link]] tables.",
        ) from None
    source = TomlSource(str(path), text)
    row = source.validate(_File, source.parse(), (), "qkd-net-invalid")
    names = [node.name for node in row.node]
    for index, link in enumerate(row.link):
        if link.a == link.b or not {link.a, link.b} <= set(names):
            raise source.error(
                "qkd-net-invalid",
                ("link", index, "a"),
                f"The link between {link.a!r} and {link.b!r} cannot be.",
                f"Name two different nodes of: {', '.join(sorted(set(names)))}.",
            )
    return Network(
        [Node(node.name, node.relays) for node in row.node],
        [Span(link.a, link.b, link.pool_bits, link.up) for link in row.link],
    )

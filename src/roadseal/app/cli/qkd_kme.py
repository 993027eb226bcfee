"""`roadseal qkd kme` and `roadseal qkd client`: run a key management entity, and ask one."""

from __future__ import annotations

import asyncio
import base64
import json
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from urllib.parse import urlsplit

import typer
from rich.console import Console
from rich.table import Table

from roadseal.app.cli.output import AsJson, say, tell
from roadseal.errors import RoadsealError

if TYPE_CHECKING:
    from roadseal.events import Event
    from roadseal.net import TlsContext
    from roadseal.operate.qkd.client import Etsi014Client

kme_app = typer.Typer(no_args_is_help=True, help="A key management entity (ETSI GS QKD 014).")
client_app = typer.Typer(no_args_is_help=True, help="Ask a key management entity, as an SAE.")

Config = Annotated[Path, typer.Option("--config", help="The KME's TOML file.")]
Url = Annotated[str, typer.Argument(help="Of the KME: https://host:port")]
Other = Annotated[str, typer.Argument(help="SAE ID of the other side.")]
Cert = Annotated[Path, typer.Option(help="PEM: the SAE's certificate, chain and key.")]
Roots = Annotated[Path, typer.Option(help="PEM: whom the SAE trusts.")]
KmeId = Annotated[str, typer.Option(help="KME ID in the server's certificate; default: the host.")]
_PROFILES = "TLS: hybrid, pqc, hybrid-transition, interop, classical."
Profile = Annotated[str, typer.Option(help=_PROFILES)]

_T = TypeVar("_T")


@kme_app.command()
def serve(config: Config) -> None:
    """Serve keys until interrupted. A store and its key file are made at the first start.

    Example: [bold]roadseal qkd kme serve --config kme-a.toml[/]
    """
    from roadseal.clock import SystemClock
    from roadseal.operate.qkd.kme.config import read_config
    from roadseal.operate.qkd.kme.server import answer_evenly

    found = read_config(config)
    answer_evenly()
    console = Console(stderr=True)

    async def run() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)

        def tell_rare(event: Event) -> None:
            if event.kind not in ("tls.opened", "qkd.delivered"):
                tell(event)

        server = await found.start(clock=SystemClock(), emit=tell_rare)
        console.print(
            f"{found.settings.kme_id} serves SAEs on port {server.port} and its peers on "
            f"port {server.sync_port}, TLS profile {found.profile.name}.",
            markup=False,
        )
        await stop.wait()
        await server.close()

    asyncio.run(run())


@kme_app.command("status")
def kme_status(config: Config, as_json: AsJson = False) -> None:
    """What the store of a stopped KME holds; that it opens shows that it is whole.

    Example: [bold]roadseal qkd kme status --config kme-a.toml[/]
    """
    from roadseal.operate.qkd.kme.config import read_config
    from roadseal.operate.qkd.store.cells import CELL_BYTES

    found = read_config(config)
    store = found.open_store()
    rows = [
        {
            "link": link,
            "available_bits": store.available(link) * 8 * CELL_BYTES,
            "imported_bits": store.capacity(link) * 8 * CELL_BYTES,
            "waiting_keys": store.waiting_on(link),
        }
        for link in found.peers
    ]
    store.close()
    if as_json:
        typer.echo(json.dumps({"kme": found.settings.kme_id, "links": rows}, indent=1))
        return
    table = Table("link to", "available, bit", "imported, bit", "keys that wait")
    for row in rows:
        table.add_row(str(row["link"]), *(f"{row[name]:,}" for name in list(row)[1:]))
    Console().print(table)


@kme_app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="Raw key octets; the same file at both ends.")],
    config: Config,
    link: Annotated[str, typer.Option(help="KME ID of the other end.")],
    block: Annotated[int, typer.Option(min=0, help="Number of the block; each once.")],
    provenance: Annotated[str, typer.Option(help="Where the bits come from.")] = "simulated",
    encoding: Annotated[str, typer.Option(help="Of the file: raw, hex, base64, bits.")] = "raw",
    as_json: AsJson = False,
) -> None:
    """Give a stopped KME a block of key bits; biased or repeated bits are refused.

    Example: [bold]roadseal qkd kme import b7.bin --config kme-a.toml --link KME_B --block 7[/]
    """
    from roadseal.operate.qkd.kme.config import read_config
    from roadseal.operate.qkd.raw_keys import Encoding, decode_keys, likely_encoding

    found = read_config(config)
    if link not in found.peers:
        raise RoadsealError(
            "qkd-unknown-link",
            f"{link} is no peer of {found.settings.kme_id}.",
            advice=f"Use one of {', '.join(found.peers) or 'the peers, once you name some'}.",
        )
    try:
        kind = Encoding(encoding)
        content = file.read_bytes()
    except OSError as error:
        raise RoadsealError(
            "qkd-import", f"{file} cannot be read: {error.strerror}.", advice="Check the path."
        ) from None
    except ValueError:
        kinds = ", ".join(Encoding)
        raise RoadsealError(
            "qkd-raw-keys", f"There is no encoding {encoding!r}.", advice=f"Use one of {kinds}."
        ) from None
    octets = decode_keys(content, kind)
    store = found.open_store()
    try:
        fresh = store.import_block(link, block, octets, provenance=provenance)
    except RoadsealError as error:
        looks = likely_encoding(content)
        if error.code == "qkd-key-biased" and looks is not kind:
            advice = f"The file looks like {looks}: import it with --encoding {looks}."
            raise RoadsealError(error.code, error.message, advice=advice) from None
        raise
    finally:
        octets[:] = bytes(len(octets))
        store.close()
    text = f"Block {block} imported." if fresh else f"Block {block} was here already."
    say(text, {"link": link, "block": block, "new": fresh}, as_json=as_json)
    typer.echo(f"Now erase {file}: the store holds it encrypted.", err=True)


@kme_app.command()
def zeroise(
    config: Config,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Erase every key of a stopped KME, and the key that encrypts them.

    Example: [bold]roadseal qkd kme zeroise --config kme-a.toml --yes[/]
    """
    from roadseal.operate.qkd.kme.config import read_config
    from roadseal.operate.qkd.store.files import zeroise_files

    found = read_config(config)
    if not yes:
        typer.confirm(f"Erase every key of {found.settings.kme_id}?", abort=True, err=True)
    count = zeroise_files(found.store, found.kek)
    row = {"kme": found.settings.kme_id, "files": count}
    say(f"{count} files overwritten and removed.", row, as_json=as_json)


@client_app.command("status")
def client_status(
    url: Url, slave: Other, cert: Cert, roots: Roots,
    kme: KmeId = "", profile: Profile = "hybrid", as_json: AsJson = False,
) -> None:  # fmt: skip
    """What a KME has for keys with another SAE.

    Example: [bold]roadseal qkd client status https://127.0.0.1:8443 SAE_B --cert a.pem
    --roots ca.pem --kme KME_A[/]
    """
    found = _ask(url, cert, roots, kme, profile, lambda client: client.status(slave))
    if as_json:
        typer.echo(json.dumps(found, indent=1))
        return
    table = Table("field", "value")
    for name, value in found.items():
        table.add_row(str(name), str(value))
    Console().print(table)


@client_app.command()
def enc(
    url: Url, slave: Other, cert: Cert, roots: Roots,
    number: Annotated[int, typer.Option(help="Of keys.")] = 1,
    size: Annotated[int | None, typer.Option(help="Of each, bits.")] = None,
    kme: KmeId = "", profile: Profile = "hybrid",
) -> None:  # fmt: skip
    """Get fresh keys for use with another SAE. Writes the keys, as JSON, to standard output.

    Example: [bold]roadseal qkd client enc https://127.0.0.1:8443 SAE_B --cert a.pem
    --roots ca.pem --kme KME_A > keys.json[/]
    """
    keys = _ask(
        url, cert, roots, kme, profile, lambda c: c.enc_keys(slave, number=number, size=size)
    )
    _write_keys(keys)


@client_app.command()
def dec(
    url: Url, master: Other, key_id: Annotated[list[str], typer.Argument(help="key_IDs.")],
    cert: Cert, roots: Roots, kme: KmeId = "", profile: Profile = "hybrid",
) -> None:  # fmt: skip
    """Get the keys another SAE was given. Writes the keys, as JSON, to standard output.

    Example: [bold]roadseal qkd client dec https://127.0.0.1:9443 SAE_A KEY_ID --cert b.pem
    --roots ca.pem --kme KME_B > keys.json[/]
    """
    keys = _ask(url, cert, roots, kme, profile, lambda c: c.dec_keys(master, key_id))
    _write_keys(keys)


def sae_context(cert: Path, roots: Path, profile: str) -> TlsContext:
    """The TLS configuration of an SAE.

    Raises:
        RoadsealError: ``unknown-tls-profile``, ``identity-unusable``.
    """
    from roadseal.net import PROFILES, Side, TlsContext
    from roadseal.net.pem import load_identity, load_roots

    if profile not in PROFILES:
        raise RoadsealError(
            "unknown-tls-profile",
            f"There is no TLS profile {profile!r}.",
            advice=f"Use one of {', '.join(sorted(PROFILES))}.",
        )
    return TlsContext(Side.CLIENT, PROFILES[profile], [load_identity(cert)], load_roots(roots))


def split_url(url: str) -> tuple[str, int]:
    """Host and port of a KME's address.

    Raises:
        RoadsealError: ``qkd-kme-url``.
    """
    try:
        parts = urlsplit(url if "://" in url else f"https://{url}")
        host, port = parts.hostname, parts.port or 443
        if parts.scheme != "https" or not host or parts.path.strip("/"):
            raise ValueError
    except ValueError:
        raise RoadsealError(
            "qkd-kme-url", f"{url} is no address of a KME.", advice="Write https://host:port."
        ) from None
    return host, port


def _ask(
    url: str, cert: Path, roots: Path, kme: str, profile: str,
    question: Callable[[Etsi014Client], Awaitable[_T]],
) -> _T:  # fmt: skip
    from roadseal.clock import SystemClock
    from roadseal.operate.qkd.client import Etsi014Client

    host, port = split_url(url)
    context = sae_context(cert, roots, profile)

    async def run() -> _T:
        async with Etsi014Client(
            host, port, context, expect=[kme or host], clock=SystemClock()
        ) as client:
            return await question(client)

    return asyncio.run(run())


def _write_keys(keys: Any) -> None:
    entries = [
        {
            "key_ID": key.key_id,
            "key": base64.b64encode(key.octets).decode(),
            "provenance": key.provenance,
        }
        for key in keys
    ]
    typer.echo(json.dumps({"keys": entries}, indent=1))

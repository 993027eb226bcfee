"""The XML files of a SUMO scenario, which an operator got from anywhere.

SUMO compresses with gzip what ends in `.gz`.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from io import BufferedIOBase
from pathlib import Path
from typing import Literal
from xml.etree.ElementTree import Element, ParseError
from xml.parsers import expat

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from roadseal.errors import RoadsealError
from roadseal.pilot.sumo_paths import beside

Visit = Callable[[str, Mapping[str, str]], object]
"""Told of an element: its tag and its attributes."""


def elements(file: Path, event: Literal["start", "end"] = "end") -> Iterator[Element]:
    """Read a file element by element, and in their place those of files that it includes.

    Args:
        file: which.
        event: give elements when they begin, with their attributes, or when they end, whole.

    Raises:
        RoadsealError: `scenario-missing`, or `scenario-unreadable` with the line.
    """
    yield from _elements(file, event, ())


def refuse_circle(file: Path, ancestors: Iterable[Path]) -> None:
    """Refuse a file that includes itself, over whatever others: SUMO itself ends the process.

    Raises:
        RoadsealError: `scenario-unreadable`.
    """
    if file in ancestors:
        raise RoadsealError(
            "scenario-unreadable",
            f"{file} includes itself.",
            advice="Remove the <include> that closes the circle.",
        )


def check_well_formed(file: Path, visit: Visit | None = None) -> None:
    """Read a file of any size for its form.

    Args:
        file: which.
        visit: called with the tag and the attributes of every element.

    Raises:
        RoadsealError: as `elements`.
    """

    def refuse(name: str, *_: object) -> None:
        raise DefusedXmlException(name)

    parser = expat.ParserCreate()
    parser.EntityDeclHandler = refuse
    parser.StartElementHandler = visit
    with _opened(file) as stream:
        parser.ParseFile(stream)


def _elements(
    file: Path, event: Literal["start", "end"], ancestors: tuple[Path, ...]
) -> Iterator[Element]:
    refuse_circle(file, ancestors)
    with _opened(file) as stream:
        for _, element in iterparse(stream, (event,)):
            if element.tag == "include" and element.get("href"):
                yield from _elements(
                    beside(file, element.get("href", "")), event, (*ancestors, file)
                )
            yield element


@contextmanager
def _opened(file: Path) -> Iterator[BufferedIOBase]:
    try:
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as stream:
            yield stream
    except (ParseError, expat.ExpatError) as error:
        line = error.position[0] if isinstance(error, ParseError) else error.lineno
        raise RoadsealError(
            "scenario-unreadable",
            f"{file}, line {line}: not well-formed XML ({expat.ErrorString(error.code)}).",
            advice="Mend that line.",
        ) from error
    except DefusedXmlException as error:
        raise RoadsealError(
            "scenario-unreadable",
            f"{file} defines entities, which could fill the memory or read other files.",
            advice="Write out what they stand for, and remove them: SUMO needs none.",
        ) from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise RoadsealError(
            "scenario-unreadable",
            f"{file} is not compressed with gzip, or its end is missing ({error}).",
            advice="Get the file again, or drop the .gz from its name.",
        ) from error
    except OSError as error:
        raise RoadsealError(
            "scenario-missing",
            f"{file} cannot be read: {error.strerror or error}.",
            advice="Put the file there, or correct the path.",
        ) from error

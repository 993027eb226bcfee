"""Estates: what stands at the roadside, from whatever files a city has.

`read_source` opens a file, `guess_mapping` proposes what its columns mean, `import_table` cleans
its rows by declared rules into `Asset`s and lists every row that it rejected, repaired or doubts.
"""

from roadseal.assess.inventory.estate.asset import FACTS, Asset, Exposure, Kind, UpdatePath
from roadseal.assess.inventory.estate.guess import Guess, guess_mapping
from roadseal.assess.inventory.estate.importer import Import, import_table
from roadseal.assess.inventory.estate.mapping import Mapping, load_mapping, read_mapping
from roadseal.assess.inventory.estate.note import RULES, Action, Note
from roadseal.assess.inventory.estate.source import read_source
from roadseal.assess.inventory.estate.table import Table

__all__ = [
    "FACTS",
    "RULES",
    "Action",
    "Asset",
    "Exposure",
    "Guess",
    "Import",
    "Kind",
    "Mapping",
    "Note",
    "Table",
    "UpdatePath",
    "guess_mapping",
    "import_table",
    "load_mapping",
    "read_mapping",
    "read_source",
]

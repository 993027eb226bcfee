"""The cryptographic bill of materials: CycloneDX 1.6 and 1.7, written as a stream, validated."""

from roadseal.assess.cbom.emitter import write_cbom
from roadseal.assess.cbom.schema import Fault, crypto_assets, validate_cbom
from roadseal.assess.cbom.spec import Spec

__all__ = ["Fault", "Spec", "crypto_assets", "validate_cbom", "write_cbom"]

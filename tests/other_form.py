"""One signature, written in two ways: R by its x alone, or with the parity of its y."""

from __future__ import annotations

import json
import re

from roadseal._core import describe_message


def is_other_form_of_r(octets: bytes, mutant: bytes) -> bool:
    """Whether the two differ in nothing but the way in which R, or a certificate's R, is given."""
    at = next(at for at, (a, b) in enumerate(zip(octets, mutant, strict=True)) if a != b)
    trees = [json.dumps(describe_message(one)) for one in (octets, mutant)]
    forms = [re.sub('"r": "(x-only|compressed-y-0) ', '"r": "', tree) for tree in trees]
    forms = [form.replace('"canonical": false', '"canonical": true') for form in forms]
    return {octets[at], mutant[at]} == {0x80, 0x82} and forms[0] == forms[1]

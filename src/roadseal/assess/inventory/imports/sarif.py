"""SARIF 2.1.0 (OASIS): results of source-code scanners that concern cryptography."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from roadseal.assess.inventory.classifier import Bearing, classify
from roadseal.assess.inventory.finding import (
    AlgorithmUse,
    AssetType,
    Basis,
    Cause,
    Finding,
    Gap,
    Location,
    Role,
)
from roadseal.assess.inventory.imports.algorithm_names import canonical
from roadseal.assess.inventory.imports.document import (
    Imported,
    Repair,
    load_json,
    malformed,
    rows,
    table,
    text,
    texts,
)

MAX_RESULTS: Final = 1_000_000

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_/.][A-Za-z0-9]+)*")
_ABOUT_CRYPTOGRAPHY = re.compile(
    r"\b(crypto\w*|cipher\w*|encrypt\w*|signature|quantum|pqc|tls|ssl|certificate|key|hash|digest|"
    r"cwe-(?:261|295|296|310|319|321|322|323|324|325|326|327|328|329|330|331|335|338|347|757|759|760|"
    r"780|916|1240))\b",
    re.IGNORECASE,
)
"""Words and weaknesses (MITRE CWE category 310 and its kin) that make a rule ours."""


def read(data: bytes, uri: str) -> Imported:
    """Read a log; what concerns no cryptography is left out and counted.

    Raises:
        RoadsealError: ``report-malformed``.
    """
    document = load_json(data, "SARIF log")
    if not isinstance(document, dict):
        raise malformed("SARIF log", "its root is no object")
    repairs = []
    if (version := text(document.get("version"))) != "2.1.0":
        repairs.append(Repair("version", f"{version!r} is read as 2.1.0"))
    findings: list[Finding] = []
    tools, left_out = [], 0
    for run in rows(document.get("runs")):
        driver = table(table(run.get("tool")).get("driver"))
        tools.append(f"{text(driver.get('name'))} {text(driver.get('version'))}".strip())
        rules = {text(rule.get("id")): rule for rule in rows(driver.get("rules"))}
        for result in rows(run.get("results"))[:MAX_RESULTS]:
            rule = rules.get(text(result.get("ruleId")), {})
            finding = _finding(uri, tools[-1], result, rule)
            if finding is None:
                left_out += 1
            else:
                findings.append(finding)
    gaps = []
    if left_out:
        detail = f"{left_out} results do not concern cryptography, as far as their rules say"
        gaps.append(Gap(Location(uri), Cause.NOT_SUPPORTED, detail))
    return Imported(
        f"SARIF {version}", ", ".join(tools), tuple(findings), tuple(repairs), tuple(gaps)
    )


def _finding(
    uri: str, tool: str, result: Mapping[str, Any], rule: Mapping[str, Any]
) -> Finding | None:
    rule_id = text(result.get("ruleId")) or text(table(result.get("rule")).get("id"))
    message = text(table(result.get("message")).get("text"))[:500]
    described = " ".join(
        [
            rule_id,
            text(rule.get("name")),
            text(table(rule.get("shortDescription")).get("text")),
            *texts(table(rule.get("properties")).get("tags")),
        ]
    )
    algorithms = _algorithms(f"{message} {described}")
    if not algorithms and not _ABOUT_CRYPTOGRAPHY.search(
        f"{described} {message}".replace("-", " ").replace("cwe ", "cwe-")
    ):
        return None
    places = rows(result.get("locations"))
    physical = table(places[0].get("physicalLocation")) if places else {}
    file = text(table(physical.get("artifactLocation")).get("uri"))
    line = table(physical.get("region")).get("startLine")
    where = Location(
        f"{uri}!/{file}" if file else uri, line=line if isinstance(line, int) else None
    )
    facts = {"rule": rule_id, "level": text(result.get("level")) or "warning", "tool": tool}
    return Finding(
        "import/sarif",
        where,
        AssetType.ALGORITHM,
        message.partition("\n")[0][:200] or rule_id,
        tuple(AlgorithmUse(name, Role.UNKNOWN) for name in algorithms),
        Basis.DECLARED,
        confidence=0.6 if algorithms else 0.4,
        facts={key: value for key, value in facts.items() if value},
    )


def _algorithms(described: str) -> list[str]:
    """Whole words that name an algorithm exactly; plain words of prose do not."""
    prose = {"plaintext", "null", "none", "anonymous", "psk", "sha", "ec", "hash"}
    names = []
    for word in _WORD.findall(described)[:400]:
        if (
            word.lower() in prose
            or len(word) < 3
            or (word.islower() and not any(map(str.isdigit, word)))
        ):
            continue
        name = canonical(word)
        if classify(name).bearing is not Bearing.UNKNOWN and name not in names:
            names.append(name)
    return names

"""The parts of FrugalSeg as an SPDX 2.3 document (JSON), from docs/quality/third-party.md and the project's version.

usage: sbom.py > frugalseg.spdx.json
"""

import datetime
import hashlib
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
SHIPPED = "In the program"


def parts():
    """[(section, name, version, licence)] of the tables of parts."""
    section, found = "", []
    for line in (ROOT / "docs/quality/third-party.md").read_text("utf-8").splitlines():
        if line.startswith("## "):
            section = line[3:]
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and len(cells) >= 3 and cells[0] not in ("part", "CVE") and not cells[0].startswith(("-", "CVE")):
            found.append((section, *cells[:3]))
    return found


def package(identity, name, version, licence):
    return {
        "SPDXID": identity,
        "name": name,
        "versionInfo": version,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "NOASSERTION",
        "licenseComments": licence,
        "copyrightText": "NOASSERTION",
    }


def document():
    version = re.search(r"project\(FrugalSeg VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text())[1]
    root = package("SPDXRef-frugalseg", "frugalseg", version, "Apache-2.0; weights have licences of their own")
    root["licenseDeclared"] = "Apache-2.0"
    packages, relations = [root], [("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-frugalseg")]
    for section, name, number, licence in parts():
        identity = "SPDXRef-" + re.sub(r"[^A-Za-z0-9.]+", "-", f"{name}-{number}").strip("-")
        packages.append(package(identity, name, number, licence))
        if section.startswith(SHIPPED):
            relations.append(("SPDXRef-frugalseg", "DEPENDS_ON", identity))
        elif section.startswith("To build"):
            relations.append((identity, "BUILD_TOOL_OF", "SPDXRef-frugalseg"))
        else:
            relations.append((identity, "TEST_DEPENDENCY_OF", "SPDXRef-frugalseg"))
    content = hashlib.sha256(json.dumps(packages).encode()).hexdigest()
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"frugalseg-{version}",
        "documentNamespace": f"urn:sha256:{content}",
        "creationInfo": {
            "created": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "creators": ["Tool: frugalseg-sbom"],
        },
        "packages": packages,
        "relationships": [{"spdxElementId": a, "relationshipType": kind, "relatedSpdxElement": b} for a, kind, b in relations],
    }


if __name__ == "__main__":
    json.dump(document(), sys.stdout, indent=1)
    print()

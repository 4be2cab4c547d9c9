"""Reads a report of pip-audit. Exit code 1: a package is vulnerable, or was not looked up where that is required."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path


def main(path: str) -> int:
    packages = json.loads(Path(path).read_text("utf-8"))["dependencies"]
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    broken = [package for package in packages if package.get("vulns")]
    for package in broken:
        ids = ", ".join(entry["id"] for entry in package["vulns"])
        print(f"VULNERABLE: {package['name']} {package['version']}: {ids}")
    print(f"{len(packages) - len(skipped)} packages looked up, {len(broken)} vulnerable.")
    if skipped:
        print(f"NOT AUDITED: {len(skipped)} packages are not in the list: {', '.join(skipped)[:500]}")
    missing = bool(skipped) and os.environ.get("ADAGYM_AUDIT") == "required"
    return int(bool(broken) or missing)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

#!/usr/bin/env python3
"""Compares the gateway's routes with docs/openapi.yaml, both ways.

usage: openapi_routes.py PATH/TO/depot-gateway docs/openapi.yaml

Pages for people are routes too and not part of the API: only /v1, the probes and the description
itself are compared. Standard library only: of YAML it reads what stands below "paths:".
"""

import re
import subprocess
import sys

API = re.compile(r"/v1/|/livez$|/readyz$|/openapi\.yaml$")


def documented(text):
    found, path, inside = set(), None, False
    for line in text.splitlines():
        if re.match(r"\S", line) and not line.startswith("#"):
            inside = line.startswith("paths:")
        elif inside and (match := re.match(r"  ['\"]?(/[^'\":]*)['\"]?:\s*$", line)):
            path = match[1]
        elif inside and (match := re.match(r"    (get|put|post|patch|delete):\s*$", line)):
            found.add(f"{match[1].upper()} {path}")
    return found


def main():
    gateway, document = sys.argv[1:]
    printed = subprocess.run([gateway, "--print-routes"], check=True, capture_output=True,
                             text=True).stdout.splitlines()
    routes = {line.strip() for line in printed if API.match(line.split()[1])}
    with open(document, encoding="utf-8") as file:
        described = documented(file.read())
    for route in sorted(routes - described):
        print(f"{route}: the gateway answers it, and {document} does not tell")
    for route in sorted(described - routes):
        print(f"{route}: {document} describes it, and the gateway has no such route")
    print(f"{len(routes)} routes, {len(described)} described")
    if len(routes) < 20:
        print("fewer than 20 routes: something is not read right")
        return 1
    return 0 if routes == described else 1


sys.exit(main())

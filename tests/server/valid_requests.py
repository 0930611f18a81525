"""Loaded by schemathesis: what a schema cannot say of a valid request. A picture is one, and what
depends on the models and the store of this server is as it has them."""
import base64
import io
import random

import schemathesis
from hypothesis import strategies
from PIL import Image

DIM = 8


def picture(seed, kind):
    file = io.BytesIO()
    Image.frombytes("RGB", (6, 5), random.Random(seed).randbytes(90)).save(file, kind)
    return file.getvalue()


PICTURES = [picture(seed, kind) for seed in range(4) for kind in ("PNG", "JPEG", "WEBP", "BMP")]
TEXTS = [base64.b64encode(data).decode() for data in PICTURES]
URIS = [f"data:image/png;base64,{text}" for text in TEXTS]

schemathesis.openapi.format("picture-uri", strategies.sampled_from(URIS))
schemathesis.openapi.format("picture-base64", strategies.sampled_from(TEXTS))
for kind in ("image/png", "application/octet-stream"):
    schemathesis.openapi.media_type(kind, strategies.sampled_from(PICTURES))


def body(schema, path, kind="application/json"):
    return schema["paths"][path]["post"]["requestBody"]["content"][kind]["schema"]


@schemathesis.hook
def before_load_schema(_, schema):
    """The served schema, narrowed to what this server has."""
    numbers = {"type": "array", "minItems": DIM, "maxItems": DIM,
               "items": {"type": "number", "minimum": 1, "maximum": 1000}}
    for path, name in (("/v1/embeddings", "dimensions"), ("/v2/embed", "output_dimension")):
        body(schema, path)["properties"][name] = {"enum": [DIM, None]}
        body(schema, path)["properties"]["model"] = {"enum": ["null", "null:8", None]}
    body(schema, "/v1/search")["properties"]["vector"] = {
        "anyOf": [numbers, {"type": "array", "items": numbers, "minItems": 1, "maxItems": 64}]}
    body(schema, "/v1/search")["properties"]["row"] = {"type": "integer", "minimum": 0, "maximum": 3}
    body(schema, "/v1/run")["properties"]["pipeline"] = {
        "enum": ["pipe.input('a').output('a')"]}
    # Which arrays are regular, and fit their dtype, is more than a schema can say.
    schema["components"]["schemas"]["Value"]["anyOf"].remove({"$ref": "#/components/schemas/Tensor"})
    for path in schema["paths"].values():
        content = path.get("post", {}).get("requestBody", {}).get("content", {})
        # The bytes of a part cannot be chosen; forms are asked in the other run.
        content.pop("multipart/form-data", None)
        if "image/*" in content:
            content["image/png"] = content.pop("image/*")

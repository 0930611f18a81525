"""POST /v2/embed with Cohere's own client."""
import base64

import cohere
import numpy
import pytest

from serving import MODEL, PHOTOS, cosines, embed, needs_engine, picture, uri


def client_of(server):
    return cohere.ClientV2(api_key="none", base_url=server.url)


def test_client_gets_embeds_vectors(server, tmp_path):
    files = [picture(seed) for seed in range(4)]
    expected = embed(tmp_path, files, "null:8")
    client = client_of(server)
    answer = client.embed(model="null", input_type="image", images=[uri(data) for data in files],
                          embedding_types=["float", "base64"])
    numpy.testing.assert_array_equal(numpy.float32(answer.embeddings.float_), expected)
    raw = [numpy.frombuffer(base64.b64decode(row), "<f4") for row in answer.embeddings.base64]
    numpy.testing.assert_array_equal(raw, expected)
    assert [(image.width, image.height, image.format) for image in answer.images] == [(80, 60, "jpeg")] * 4
    assert answer.meta.billed_units.images == 4
    inputs = [{"content": [{"type": "image_url", "image_url": {"url": uri(data)}}]} for data in files]
    answer = client.embed(model="null", input_type="image", inputs=inputs, embedding_types=["float"],
                          output_dimension=8)
    numpy.testing.assert_array_equal(numpy.float32(answer.embeddings.float_), expected)


@needs_engine
def test_client_and_the_real_model(serve, tmp_path):
    files = [path.read_bytes() for path in sorted(PHOTOS.iterdir())[:4]]
    answer = client_of(serve("-m", MODEL)).embed(
        model="efficientnet-lite0", input_type="image", images=[uri(data) for data in files],
        embedding_types=["float"])
    assert (cosines(answer.embeddings.float_, embed(tmp_path, files, MODEL)) > 1 - 1e-6).all()


def test_client_raises_what_it_should(server):
    client = client_of(server)
    with pytest.raises(cohere.NotFoundError):
        client.embed(model="gpt", input_type="image", images=[uri(picture())])
    for wrong in ({"texts": ["a text"]}, {}, {"images": [uri(b"no picture")]},
                  {"images": [uri(picture())], "embedding_types": ["int8"]},
                  {"images": [uri(picture())], "output_dimension": 4},
                  {"images": [uri(picture())], "texts": ["a"]}):
        with pytest.raises(cohere.BadRequestError):
            client.embed(model="null", input_type="image", **wrong)

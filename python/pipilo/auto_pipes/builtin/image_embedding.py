"""image_embedding: a picture -> vec, by a model of pipilo's."""

from pipilo import AutoConfig, AutoPipes, ops, pipe
from pipilo.auto_pipes.needs import Config


@AutoConfig.register
class ImageEmbeddingConfig(Config):
    model = "efficientnet-lite0"
    normalize_vec = False
    device = -1


@AutoPipes.register
def image_embedding(config=None):
    """url (a path or bytes) -> vec, float32 (dim,)"""
    config = config or ImageEmbeddingConfig()
    p = pipe.input("url").map("url", "image", ops.image_decode.cv2_rgb())
    p = p.map("image", "vec", ops.image_embedding.timm(config.model))
    if config.normalize_vec:
        p = p.map("vec", "vec", ops.towhee.np_normalize())
    return p.output("vec")

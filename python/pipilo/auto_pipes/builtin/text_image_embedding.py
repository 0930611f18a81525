"""text_image_embedding: a picture or a text -> vec, both in one space."""

from pipilo import AutoConfig, AutoPipes, ops, pipe
from pipilo.auto_pipes.needs import Config, need


@AutoConfig.register
class TextImageEmbeddingConfig(Config):
    model = "clip_vit_base_patch16"
    modality = "image"
    customize_embedding_op = None  # picture or text -> float32 (dim,)
    normalize_vec = True
    device = -1


@AutoPipes.register
def text_image_embedding(config=None):
    """url or text -> vec, float32 (dim,), of length 1 unless config.normalize_vec is False"""
    config = config or TextImageEmbeddingConfig()
    if config.modality not in ("image", "text"):
        raise RuntimeError(f"Unknown modality: {config.modality}, please use image | text")
    embed = config.customize_embedding_op
    if embed is None:
        instead = ", or set config.customize_embedding_op"
        need("text_image_embedding", "image_text_embedding.clip", instead=instead)
        device = "cpu" if config.device == -1 else config.device
        embed = ops.image_text_embedding.clip(
            model_name=config.model, modality=config.modality, device=device
        )
    if config.modality == "image":
        p = pipe.input("url").map("url", "image", ops.image_decode.cv2_rgb())
        p = p.map("image", "vec", embed)
    else:
        p = pipe.input("text").map("text", "vec", embed)
    if config.normalize_vec:
        p = p.map("vec", "vec", ops.towhee.np_normalize())
    return p.output("vec")

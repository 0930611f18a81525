"""sentence_embedding: text -> vec."""

from pipilo import AutoConfig, AutoPipes, ops, pipe
from pipilo.auto_pipes.needs import Config, need

OPENAI_MODELS = ("text-embedding-ada-002",)


@AutoConfig.register
class SentenceSimilarityConfig(Config):
    model = "all-MiniLM-L6-v2"
    openai_api_key = None
    customize_embedding_op = None  # any operator or callable: text -> float32 (dim,)
    normalize_vec = True
    device = -1


def embedding_operator(config):
    """The operator, once it is known to be here."""
    if config.customize_embedding_op is not None:
        return config.customize_embedding_op
    instead = ", or set config.customize_embedding_op"
    if config.model in OPENAI_MODELS:
        need("sentence_embedding", "sentence_embedding.openai", instead=instead)
        return ops.sentence_embedding.openai(config.model, api_key=config.openai_api_key)
    need("sentence_embedding", "sentence_embedding.transformers", instead=instead)
    device = "cpu" if config.device == -1 else config.device
    return ops.sentence_embedding.transformers(model_name=config.model, device=device)


@AutoPipes.register
def sentence_embedding(config=None):
    """text -> vec, float32 (dim,), of length 1 unless config.normalize_vec is False"""
    config = config or SentenceSimilarityConfig()
    p = pipe.input("text").map("text", "vec", embedding_operator(config))
    if config.normalize_vec:
        p = p.map("vec", "vec", ops.towhee.np_normalize())
    return p.output("vec")

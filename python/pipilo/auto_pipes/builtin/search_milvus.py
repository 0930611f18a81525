"""search_milvus: the rows of a Milvus collection nearest to a vector."""

from pipilo import AutoConfig, AutoPipes, ops, pipe
from pipilo.auto_pipes.needs import Config


@AutoConfig.register
class MilvusSearchConfig(Config):
    host = "127.0.0.1"
    port = "19530"
    collection_name = None
    search_params = None
    user = None
    password = None


@AutoPipes.register
def search_milvus(config):
    """vec -> rows, a list of (id, score, fields...). ImportError where pymilvus is not installed"""
    search = ops.ann_search.milvus_client(
        host=config.host,
        port=config.port,
        collection_name=config.collection_name,
        user=config.user,
        password=config.password,
        **(config.search_params or {}),
    )
    return pipe.input("vec").map("vec", "rows", search).output("rows")

"""insert_milvus: a row into a Milvus collection."""

from pipilo import AutoConfig, AutoPipes, ops, pipe
from pipilo.auto_pipes.needs import Config


@AutoConfig.register
class MilvusInsertConfig(Config):
    host = "127.0.0.1"
    port = "19530"
    collection_name = None
    user = None
    password = None


@AutoPipes.register
def insert_milvus(config):
    """row -> mr, pymilvus's result. ImportError where pymilvus is not installed"""
    insert = ops.ann_insert.milvus_client(
        host=config.host,
        port=config.port,
        collection_name=config.collection_name,
        user=config.user,
        password=config.password,
    )
    return pipe.input("row").map("row", "mr", insert).output("mr")

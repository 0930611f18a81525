"""video_embedding: known by name; pipilo decodes no video yet, so it says what is missing."""

from pipilo import AutoConfig, AutoPipes
from pipilo.auto_pipes.needs import Config, need


@AutoConfig.register
class VideoEmbeddingConfig(Config):
    start_time = None
    end_time = None
    model = "isc"
    img_size = 512
    milvus_host = "127.0.0.1"
    milvus_port = "19530"
    collection = None
    hbase_host = "127.0.0.1"
    hbase_port = 9090
    hbase_table = None
    leveldb_path = None
    device = -1


@AutoPipes.register
def video_embedding(config=None):
    """Always RuntimeError: pipilo has no video decoder and no key-value store operators."""
    need("video_embedding", "video_decode.ffmpeg", "kvstorage.insert_leveldb")
    raise RuntimeError("the pipeline video_embedding is not built in: compose it with pipe")

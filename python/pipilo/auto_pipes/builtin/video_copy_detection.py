"""video_copy_detection: known by name; pipilo decodes no video yet, so it says what is missing."""

from pipilo import AutoConfig, AutoPipes
from pipilo.auto_pipes.needs import Config, need


@AutoConfig.register
class VideoCopyDetectionConfig(Config):
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
    milvus_search_limit = 64
    top_k = 100
    min_similar_length = 1
    threshold = None
    device = -1


@AutoPipes.register
def video_copy_detection(config=None):
    """Always RuntimeError: pipilo has no video decoder and no key-value store operators."""
    need(
        "video_copy_detection",
        "video_decode.ffmpeg",
        "kvstorage.from_leveldb",
        "video_copy_detection.select_video",
        "video_copy_detection.temporal_network",
    )
    raise RuntimeError("the pipeline video_copy_detection is not built in: compose it with pipe")

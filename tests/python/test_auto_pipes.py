"""AutoPipes: built in, from files, from local folders; what is said of those that lack something."""

import pytest

from pipilo import AutoConfig, AutoPipes, register

FILE = """
from towhee import pipe, AutoPipes, AutoConfig

@AutoConfig.register
class Config:
    def __init__(self, by=1):
        self.by = by

@AutoPipes.register
def build(config, more=0):
    return pipe.input('n').map('n', 'n', lambda n: n + config.by + more).output('n')
"""


def test_file(tmp_path):
    path = str(tmp_path / "mine.py")
    (tmp_path / "mine.py").write_text(FILE)
    config = AutoConfig.load_config(path, by=5)
    first = AutoPipes.pipeline(path, config)
    assert first(1).get() == [6]
    second = AutoPipes.pipeline(path, config, more=10)
    assert second(1).get() == [16] and second is not first


def test_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TEST_PIPE_CACHE", str(tmp_path))
    (tmp_path / "my_pipe").mkdir()
    (tmp_path / "my_pipe" / "my_pipe.py").write_text(FILE)
    assert AutoPipes.pipeline("local/my-pipe", AutoConfig.load_config("local/my-pipe"))(
        1
    ).get() == [2]


def test_home(tmp_path, monkeypatch):
    monkeypatch.setattr("pipilo.hub._home", str(tmp_path))
    folder = tmp_path / "pipelines" / "towhee" / "kept-pipe" / "versions" / "main"
    folder.mkdir(parents=True)
    (folder / "kept_pipe.py").write_text(FILE)
    assert AutoPipes.pipeline("kept-pipe", AutoConfig.load_config("kept-pipe", 2))(1).get() == [3]


def test_unknown():
    for load in (AutoPipes.pipeline, AutoConfig.load_config):
        with pytest.raises(RuntimeError, match="Fetch pipeline towhee/no-such-pipe:main info") as e:
            load("no-such-pipe")
        assert "sentence_embedding" in str(e.value) and "downloads no" in str(e.value)
    with pytest.raises(OSError):
        AutoPipes()


def test_a_file_that_registers_nothing(tmp_path):
    (tmp_path / "empty.py").write_text("x = 1\n")
    assert AutoPipes.pipeline(str(tmp_path / "empty.py")) is None
    assert AutoConfig.load_config(str(tmp_path / "empty.py")) is None


def test_registered_outside_of_a_load():
    @AutoPipes.register
    def nowhere():
        pass

    assert nowhere not in AutoPipes._PIPES_DEF.values()


def test_the_one_for_tests():
    config = AutoConfig.load_config("_builtin_pipeline")
    config.param = 3
    assert AutoPipes.pipeline("_builtin_pipeline", config)(1).get() == [4]
    assert repr(AutoConfig.load_config("_builtin_pipeline")) == "AddConfig(param=1)"
    with pytest.raises(TypeError, match="zz"):
        AutoConfig.load_config("_builtin_pipeline", zz=1)


def test_sentence_embedding_takes_an_operator():
    np = pytest.importorskip("numpy")
    config = AutoConfig.load_config("sentence_embedding")
    assert (config.model, config.normalize_vec, config.device) == ("all-MiniLM-L6-v2", True, -1)
    config.customize_embedding_op = lambda text: np.array([3.0, 4.0], "float32")
    vector = AutoPipes.pipeline("sentence_embedding", config)("x").get()[0]
    assert np.allclose(vector, [0.6, 0.8])
    config.normalize_vec = False
    assert np.allclose(AutoPipes.pipeline("sentence_embedding", config)("x").get()[0], [3, 4])


@pytest.mark.parametrize(
    "name, missing",
    [
        ("sentence_embedding", "sentence_embedding.transformers"),
        ("text_image_embedding", "image_text_embedding.clip"),
        ("video_embedding", "video_decode.ffmpeg, kvstorage.insert_leveldb"),
        ("video_copy_detection", "video_copy_detection.temporal_network"),
    ],
)
def test_what_is_missing_is_named(name, missing):
    with pytest.raises(RuntimeError, match="not here") as e:
        AutoPipes.pipeline(name, AutoConfig.load_config(name))
    assert missing in str(e.value)


def test_a_missing_operator_can_be_registered():
    @register(name="sentence_embedding/transformers")
    class Transformers:
        def __init__(self, model_name, device):
            self.name = model_name

        def __call__(self, text):
            return f"{self.name}: {text}"

    try:
        config = AutoConfig.load_config("sentence_embedding", normalize_vec=False)
        vec = AutoPipes.pipeline("sentence_embedding", config)("hi").get()
        assert vec == ["all-MiniLM-L6-v2: hi"]
    finally:
        from pipilo.register import OperatorRegistry

        del OperatorRegistry.REGISTRY["sentence-embedding/transformers"]


def test_text_and_images():
    np = pytest.importorskip("numpy")
    config = AutoConfig.load_config("text_image_embedding", modality="text", normalize_vec=False)
    config.customize_embedding_op = lambda text: np.ones(2, "float32")
    assert AutoPipes.pipeline("text_image_embedding", config)("x").get()[0].shape == (2,)
    config.modality = "smell"
    with pytest.raises(RuntimeError, match="Unknown modality: smell"):
        AutoPipes.pipeline("text_image_embedding", config)


@pytest.mark.parametrize("name", ["insert_milvus", "search_milvus"])
def test_milvus(name, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "pymilvus", None)
    config = AutoConfig.load_config(name)
    config.collection_name = "c"
    with pytest.raises(RuntimeError, match="pip install pymilvus"):
        AutoPipes.pipeline(name, config)


def test_one_builds_another(tmp_path):
    inner = str(tmp_path / "inner.py")
    (tmp_path / "inner.py").write_text(FILE)
    (tmp_path / "outer.py").write_text(
        "from pipilo import AutoConfig, AutoPipes, pipe\n"
        "@AutoPipes.register\n"
        "def build():\n"
        f"    p = AutoPipes.pipeline({inner!r}, AutoConfig.load_config({inner!r}))\n"
        "    return pipe.input('a').map('a', 'b', p).output('b')\n"
    )
    assert AutoPipes.pipeline(str(tmp_path / "outer.py"))(1).get() == [2]

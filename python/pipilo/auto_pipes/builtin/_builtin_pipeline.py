"""_builtin_pipeline: adds `config.param` to a number. For tests."""

from pipilo import AutoConfig, AutoPipes, pipe
from pipilo.auto_pipes.needs import Config


@AutoConfig.register
class AddConfig(Config):
    param = 1


@AutoPipes.register
def add(config=None):
    """num -> ret"""
    config = config or AddConfig()
    return pipe.input("num").map("num", "ret", lambda x: x + config.param).output("ret")

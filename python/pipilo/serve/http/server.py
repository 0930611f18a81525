"""HTTPServer: an APIService over HTTP, through FastAPI and uvicorn (the extra `pipilo[serve]`)."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable
from typing import Any

from ..api_service import APIService, RouterConfig
from ..io import JSON

__all__ = ["HTTPServer"]


class HTTPServer:
    """`GET /` gives the description; `POST` to a path calls its function with the body's value.

    A function of several parameters gets the items of a list, or those of a dict by name. An error
    answers 500. ImportError where FastAPI is not installed.
    """

    def __init__(self, api_service: APIService):
        try:
            import fastapi
        except ModuleNotFoundError as error:
            raise ImportError("HTTPServer takes FastAPI: pip install fastapi uvicorn") from error
        self._app = fastapi.FastAPI()
        self._app.get("/")(lambda: api_service.desc)
        for router in api_service.routers:
            endpoint = _endpoint(router)
            # Not a string annotation: FastAPI must see the class to hand the request over.
            endpoint.__annotations__ = {"request": fastapi.Request}
            self._app.add_api_route(router.path, endpoint, methods=["POST"])

    @property
    def app(self) -> Any:
        """The FastAPI application."""
        return self._app

    def run(self, host: str, port: int) -> None:
        """Serves until it is stopped. ImportError where uvicorn is not installed."""
        import uvicorn

        uvicorn.run(self._app, host=host, port=port)


def _endpoint(router: RouterConfig) -> Callable[..., Any]:
    reader = router.input_model or JSON()
    writer = router.output_model or JSON()
    parameters = len(inspect.signature(router.func).parameters)

    def serve(request: Any) -> Any:
        try:
            if parameters == 0:
                return writer.to_http(router.func())
            value = reader.from_http(request)
            if parameters == 1:
                return writer.to_http(router.func(value))
            if isinstance(value, dict):
                return writer.to_http(router.func(**value))
            return writer.to_http(router.func(*value))
        except Exception as error:
            raise RuntimeError(traceback.format_exc()) from error

    serve.__name__ = router.func.__name__
    serve.__doc__ = router.func.__doc__
    return serve

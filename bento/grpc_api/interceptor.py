"""The interceptor of every gRPC call: method, API key, and messages that cannot be parsed.

gRPC itself reports a message that cannot be parsed as an error of the server and logs a traceback; here it is the
client's INVALID_ARGUMENT, also for the health and reflection services. See docs/decisions/grpc-server.md.
"""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc

from bento.access.api_keys import Keys, presented_key
from bento.access.permissions import METHODS
from bento.schemas import problems
from bento.schemas.problems import Problem

Refuse = Callable[[Any], Awaitable[None]]

# By whether requests and responses are streams: the attribute with a handler's function, and the handler's factory.
_KINDS: dict[tuple[bool, bool], tuple[str, Callable[..., Any]]] = {
    (False, False): ("unary_unary", grpc.unary_unary_rpc_method_handler),
    (False, True): ("unary_stream", grpc.unary_stream_rpc_method_handler),
    (True, False): ("stream_unary", grpc.stream_unary_rpc_method_handler),
    (True, True): ("stream_stream", grpc.stream_stream_rpc_method_handler),
}


class _Unparsed:
    """Takes the place of a message that cannot be parsed."""


async def abort(context: Any, problem: Problem) -> None:
    """End the call with the problem's status."""
    await context.abort(getattr(grpc.StatusCode, problem.grpc), problem.text())


class Interceptor(grpc.aio.ServerInterceptor):
    """Passes calls on to the server's services, or refuses them.

    It requests the handler of each method once, so it must be the last of the server's interceptors.

    Args:
        keys: The API keys.
        count: `count(method, status)` is called per refused call.
    """

    def __init__(self, keys: Keys, count: Callable[[str, str], None]) -> None:
        self._keys, self._count = keys, count
        self._handlers: dict[str, Any] = {}
        self._refusals = {p: _refusing(p) for p in (problems.UNAUTHORIZED, problems.FORBIDDEN)}

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: Any
    ) -> Any:
        """The handler of a call; None for an unknown method."""
        method = handler_call_details.method
        if method not in METHODS:
            return None
        if self._keys and (allowed := METHODS[method]):
            metadata = dict(handler_call_details.invocation_metadata or ())
            key = presented_key(_text(metadata.get("authorization")), _text(metadata.get("x-api-key")))
            if problem := self._keys.refusal(self._keys.role(key), allowed):
                self._count(method, problem.grpc)
                return self._refusals[problem]
        if method not in self._handlers:
            handler = await continuation(handler_call_details)
            self._handlers[method] = handler and _parsing_safely(handler, self._refuse_unparsed(method))
        return self._handlers[method]

    def _refuse_unparsed(self, method: str) -> Refuse:
        async def refuse(context: Any) -> None:
            self._count(method, problems.UNREADABLE.grpc)
            await abort(context, problems.UNREADABLE)

        return refuse


def _text(value: str | bytes | None) -> str | None:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _refusing(problem: Problem) -> Any:
    async def refuse(messages: Any, context: Any) -> None:
        await abort(context, problem)

    return grpc.stream_stream_rpc_method_handler(refuse)


def _parsing_safely(handler: Any, refuse: Refuse) -> Any:
    """The same asynchronous handler, which `refuse` protects from messages that cannot be parsed.

    A handler of request streams must read them from its first argument, not from `context.read()`.
    """
    name, make = _KINDS[handler.request_streaming, handler.response_streaming]
    behaviour = getattr(handler, name)

    def parse(data: bytes) -> Any:
        try:
            return handler.request_deserializer(data)
        except Exception:  # noqa: BLE001 - any error of protobuf is the client's fault
            return _Unparsed

    async def parsed(messages: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        async for message in messages:
            if message is _Unparsed:
                await refuse(context)
            yield message

    async def call(request: Any, context: Any) -> Any:
        if request is _Unparsed:
            await refuse(context)
        return await behaviour(parsed(request, context) if handler.request_streaming else request, context)

    async def generate(request: Any, context: Any) -> AsyncIterator[Any]:
        if request is _Unparsed:
            await refuse(context)
        request = parsed(request, context) if handler.request_streaming else request
        async for response in behaviour(request, context):
            yield response

    # grpc.aio distinguishes a generator of responses from a coroutine that writes them to the context.
    function = generate if inspect.isasyncgenfunction(behaviour) else call
    return make(function, request_deserializer=parse, response_serializer=handler.response_serializer)

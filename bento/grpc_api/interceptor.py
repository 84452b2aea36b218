"""The interceptor of every gRPC call: method, API key, rate, and messages that cannot be parsed.

gRPC itself reports a message that cannot be parsed as an error of the server and logs a traceback; here it is the
client's INVALID_ARGUMENT, also for the health and reflection services. See docs/decisions/grpc-server.md.
"""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc

from bento.access.api_keys import Keys, presented_key
from bento.access.client_address import ClientAddresses, grpc_peer
from bento.access.permissions import METHODS
from bento.access.rate_limit import RateLimit
from bento.schemas import problems
from bento.schemas.problems import Problem

Check = Callable[[Any], Awaitable[None]]

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
        rate: The limit per client.
        addresses: Names a client without a key.
    """

    def __init__(
        self,
        keys: Keys,
        count: Callable[[str, str], None],
        rate: RateLimit,
        addresses: ClientAddresses,
    ) -> None:
        self._keys, self._count = keys, count
        self._rate, self._addresses = rate, addresses
        self._handlers: dict[str, Any] = {}

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: Any
    ) -> Any:
        """The handler of a call; None for an unknown method."""
        method = handler_call_details.method
        if method not in METHODS:
            return None
        if self._keys and (allowed := METHODS[method]):
            role = self._keys.role(_key(handler_call_details.invocation_metadata))
            if problem := self._keys.refusal(role, allowed):
                return self._refusing(method, problem)
        if method not in self._handlers:
            handler = await continuation(handler_call_details)
            self._handlers[method] = handler and _checked(
                handler, self._admit(method), self._refuse_unparsed(method)
            )
        return self._handlers[method]

    def _admit(self, method: str) -> Check:
        async def admit(context: Any) -> None:
            if not self._rate:
                return
            metadata = context.invocation_metadata() or ()
            key = _key(metadata)
            if not (key and self._keys.role(key)):
                forwarded = [str(_text(value)) for name, value in metadata if name == "x-forwarded-for"]
                key = self._addresses.client(grpc_peer(context.peer()), forwarded)
            if not self._rate.admits(key):
                self._count(method, problems.TOO_MANY.grpc)
                await abort(context, problems.TOO_MANY)

        return admit

    def _refusing(self, method: str, problem: Problem) -> Any:
        admit = self._admit(method)

        async def refuse(messages: Any, context: Any) -> None:
            await admit(context)
            self._count(method, problem.grpc)
            await abort(context, problem)

        return grpc.stream_stream_rpc_method_handler(refuse)

    def _refuse_unparsed(self, method: str) -> Check:
        async def refuse(context: Any) -> None:
            self._count(method, problems.UNREADABLE.grpc)
            await abort(context, problems.UNREADABLE)

        return refuse


def _text(value: str | bytes | None) -> str | None:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _key(metadata: Any) -> str | None:
    named = dict(metadata or ())
    return presented_key(_text(named.get("authorization")), _text(named.get("x-api-key")))


def _checked(handler: Any, admit: Check, refuse: Check) -> Any:
    """The same asynchronous handler behind `admit`; `refuse` protects it from messages that cannot be parsed.

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
        await admit(context)
        if request is _Unparsed:
            await refuse(context)
        return await behaviour(parsed(request, context) if handler.request_streaming else request, context)

    async def generate(request: Any, context: Any) -> AsyncIterator[Any]:
        await admit(context)
        if request is _Unparsed:
            await refuse(context)
        request = parsed(request, context) if handler.request_streaming else request
        async for response in behaviour(request, context):
            yield response

    # grpc.aio distinguishes a generator of responses from a coroutine that writes them to the context.
    function = generate if inspect.isasyncgenfunction(behaviour) else call
    return make(function, request_deserializer=parse, response_serializer=handler.response_serializer)

"""The gate that every gRPC call passes: keys, and messages that cannot be read.

gRPC itself answers an unreadable message with INTERNAL, as if the server were broken; here it is the client's
INVALID_ARGUMENT, for the health and reflection services too.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import grpc

from bento.access.api_keys import Keys, presented_key
from bento.access.permissions import METHODS
from bento.schemas import problems
from bento.schemas.problems import Problem

Refuse = Callable[[Any], Awaitable[None]]


class _Unreadable:
    """In place of a message."""


async def abort(context: Any, problem: Problem) -> None:
    """Ends the call with the problem's status."""
    await context.abort(getattr(grpc.StatusCode, problem.grpc), problem.text())


class GrpcGate(grpc.GenericRpcHandler):
    """Finds the handler of a call, or one that refuses it. `count(method, status)` of what is refused.

    An interceptor would do the same in one more coroutine a call, which costs as much as the check of a request.
    """

    def __init__(self, keys: Keys, count: Callable[[str, str], None]) -> None:
        self._keys, self._count = keys, count
        self._services: list[grpc.GenericRpcHandler] = []
        self._handlers: dict[str, Any] = {}
        self._refusals = {p: _refusing(p) for p in (problems.UNAUTHORIZED, problems.FORBIDDEN)}

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        """Takes a service in the server's place; generated code calls it."""
        self._services.extend(handlers)

    def add_registered_method_handlers(self, service: str, handlers: dict[str, Any]) -> None:
        """Generated code calls it with the same handlers once more."""

    def service(self, handler_call_details: Any) -> Any:
        method = handler_call_details.method
        if method not in METHODS:
            return None
        if self._keys and (allowed := METHODS[method]):
            sent = dict(handler_call_details.invocation_metadata or ())
            key = presented_key(_text(sent.get("authorization")), _text(sent.get("x-api-key")))
            if refused := self._keys.refusal(self._keys.role(key), allowed):
                self._count(method, refused.grpc)
                return self._refusals[refused]
        if method not in self._handlers:
            found = (service.service(handler_call_details) for service in self._services)
            handler = next((each for each in found if each), None)
            self._handlers[method] = handler and _reading_safely(handler, self._refuse_unreadable(method))
        return self._handlers[method]

    def _refuse_unreadable(self, method: str) -> Refuse:
        async def refuse(context: Any) -> None:
            self._count(method, problems.UNREADABLE.grpc)
            await abort(context, problems.UNREADABLE)

        return refuse


def _text(value: str | bytes | None) -> str | None:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _refusing(problem: Problem) -> Any:
    async def refuse(messages: Any, context: Any) -> AsyncIterator[Any]:
        await abort(context, problem)
        yield

    return grpc.stream_stream_rpc_method_handler(refuse)


def _reading_safely(handler: Any, refuse: Refuse) -> Any:
    """The same handler, kept from messages that its deserializer cannot read."""

    def read(data: bytes) -> Any:
        try:
            return handler.request_deserializer(data)
        except Exception:  # noqa: BLE001 - whatever protobuf raises, the message is the client's
            return _Unreadable

    async def one(message: Any, context: Any) -> Any:
        if message is _Unreadable:
            await refuse(context)
        return await handler.unary_unary(message, context)

    async def one_to_many(message: Any, context: Any) -> AsyncIterator[Any]:
        if message is _Unreadable:
            await refuse(context)
        async for response in handler.unary_stream(message, context):
            yield response

    async def many_to_many(messages: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        async def readable() -> AsyncIterator[Any]:
            async for message in messages:
                if message is _Unreadable:
                    await refuse(context)
                yield message

        async for response in handler.stream_stream(readable(), context):
            yield response

    made = {"request_deserializer": read, "response_serializer": handler.response_serializer}
    if handler.unary_unary:
        return grpc.unary_unary_rpc_method_handler(one, **made)
    if handler.unary_stream:
        return grpc.unary_stream_rpc_method_handler(one_to_many, **made)
    return grpc.stream_stream_rpc_method_handler(many_to_many, **made)

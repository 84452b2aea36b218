"""The errors of the service, the same for both transports. They hold no value of the request."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic_core import to_json


@dataclass(frozen=True)
class Detail:
    """One fault of a request: the path of the field, and the reason."""

    field: str
    reason: str


@dataclass(frozen=True)
class Problem:
    """One kind of error.

    Attributes:
        status: The HTTP status.
        grpc: The name of the gRPC status code.
        code: A stable identifier for programs.
        message: The text for a reader.
        details: The faults of the request.
    """

    status: int
    grpc: str
    code: str
    message: str
    details: tuple[Detail, ...] = ()

    def with_details(self, details: Sequence[Detail]) -> "Problem":
        """The same error with these faults."""
        return Problem(self.status, self.grpc, self.code, self.message, tuple(details))

    def with_message(self, message: str) -> "Problem":
        """The same error with another text."""
        return Problem(self.status, self.grpc, self.code, message, self.details)

    def body(self) -> bytes:
        """The JSON body of the HTTP response."""
        body: dict[str, object] = {"error": self.message, "code": self.code}
        if self.details:
            body["details"] = [{"field": d.field, "reason": d.reason} for d in self.details]
        return to_json(body)

    def text(self) -> str:
        """The details of the gRPC status."""
        return "; ".join([self.message, *(f"{d.field}: {d.reason}" for d in self.details)])


class Refused(Exception):
    """A request cannot be scored; `problem` is its response."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


MALFORMED = Problem(400, "INVALID_ARGUMENT", "malformed", "the body is not a JSON object")
UNREADABLE = Problem(400, "INVALID_ARGUMENT", "unreadable", "the message cannot be parsed")
INVALID = Problem(422, "INVALID_ARGUMENT", "invalid_request", "the request is not valid")
NOT_JSON = Problem(415, "INVALID_ARGUMENT", "not_json", "send JSON: `Content-Type: application/json`")
TOO_LARGE = Problem(413, "RESOURCE_EXHAUSTED", "too_large", "the body is over SERVICE_MAX_BODY_BYTES")
HEADERS_TOO_LARGE = Problem(
    431, "RESOURCE_EXHAUSTED", "headers_too_large", "the headers are over SERVICE_MAX_HEADER_BYTES"
)
NO_REPORT = Problem(
    404, "NOT_FOUND", "no_report", "the served model has no intact report; loan-default report writes it"
)
NO_PREDICTION = Problem(
    404,
    "NOT_FOUND",
    "no_prediction",
    "no such prediction is recorded; the service delivers its predictions within seconds",
)
PREDICTION_GONE = Problem(410, "NOT_FOUND", "prediction_gone", "the prediction or its data were deleted")
NOT_EXPLAINED = Problem(409, "FAILED_PRECONDITION", "not_explained", "the decision cannot be explained")
NOT_OVERRIDDEN = Problem(409, "FAILED_PRECONDITION", "not_overridden", "the override was not recorded")
NO_PROPOSAL = Problem(404, "NOT_FOUND", "no_proposal", "no promotion of this version waits for approval")
NOT_APPROVED = Problem(409, "FAILED_PRECONDITION", "not_approved", "the approval was not recorded")
NO_APPROVERS = Problem(
    403,
    "PERMISSION_DENIED",
    "no_approvers",
    "approvals need keys that belong to people: set SERVICE_APPROVE_KEYS, or run loan-default approve",
)
RECORDS_AWAY = Problem(503, "UNAVAILABLE", "records_away", "the records cannot be reached; try again later")
NOT_FOUND = Problem(404, "UNIMPLEMENTED", "not_found", "there is no such path; GET /openapi.json lists them")
UNAUTHORIZED = Problem(
    401, "UNAUTHENTICATED", "unauthorized", "send a key: `Authorization: Bearer KEY` or `X-API-Key: KEY`"
)
FORBIDDEN = Problem(403, "PERMISSION_DENIED", "forbidden", "this key has another role")
NOT_LOCAL = Problem(
    403,
    "PERMISSION_DENIED",
    "not_local",
    "without SERVICE_API_KEYS only requests to 127.0.0.1, ::1 and localhost are accepted",
)
OTHER_ORIGIN = Problem(
    403,
    "PERMISSION_DENIED",
    "other_origin",
    "without SERVICE_API_KEYS a web page of another site may not call the service",
)
NOT_FORM = Problem(
    415, "INVALID_ARGUMENT", "not_form", "send a form: `Content-Type: application/x-www-form-urlencoded`"
)
FOREIGN_FORM = Problem(
    403, "PERMISSION_DENIED", "foreign_form", "the form was not sent by a page of this service"
)
TOO_MANY = Problem(429, "RESOURCE_EXHAUSTED", "too_many_requests", "too many requests; try again in a second")
TIMED_OUT = Problem(504, "DEADLINE_EXCEEDED", "timed_out", "no response within SERVICE_TIMEOUT_SECONDS")
OVERLOADED = Problem(503, "RESOURCE_EXHAUSTED", "overloaded", "too many loans are waiting; try again later")
PREDICTION_LOG_FULL = Problem(
    503,
    "RESOURCE_EXHAUSTED",
    "prediction_log_full",
    "predictions cannot be recorded: the spool of the prediction log is full or cannot be written; "
    "see DATABASE_URL, LOAN_DEFAULT_HOME and SERVICE_SPOOL_BYTES",
)
NO_MODEL = Problem(503, "UNAVAILABLE", "no_model", "there is no model to score with")
NO_DATABASE = Problem(
    503, "UNAVAILABLE", "no_database", "the workers cannot be told, and serve on as they are"
)
INTERNAL = Problem(500, "INTERNAL", "internal", "the service failed; the location is in its log")

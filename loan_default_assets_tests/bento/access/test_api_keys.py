"""API keys, roles, permissions, the rate limit, and the settings that are refused at start."""

from typing import Any

import pytest

from bento.access.api_keys import ConfigurationError, Keys, Role, presented_key
from bento.access.permissions import METHODS, ROUTES, route_of
from bento.access.rate_limit import RateLimit
from bento.access.startup_checks import check
from bento.schemas.problems import FORBIDDEN, UNAUTHORIZED
from loan_default_assets.settings import Settings

USER_KEY, ADMIN_KEY = "u" * 16, "a" * 16
EITHER = frozenset(Role)


def settings(**changed: Any) -> Settings:
    return Settings(**changed)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"service_host": "0.0.0.0"}, "SERVICE_API_KEYS"),
        ({"service_host": "::"}, "SERVICE_API_KEYS"),
        ({"service_host": "192.0.2.1"}, "SERVICE_API_KEYS"),
        ({"service_host": "localhost"}, "SERVICE_HOST"),
        ({"service_host": "0.0.0.0", "service_admin_keys": ADMIN_KEY}, "SERVICE_API_KEYS"),
        ({"service_api_keys": "short"}, "SERVICE_API_KEYS"),
        ({"service_api_keys": USER_KEY, "service_admin_keys": f"{ADMIN_KEY},tiny"}, "SERVICE_ADMIN_KEYS"),
        ({"service_api_keys": USER_KEY, "service_admin_keys": USER_KEY}, "share a key"),
        ({"service_explain_keys": "e" * 16}, "SERVICE_EXPLAIN_KEYS is set and SERVICE_API_KEYS is not"),
        ({"service_api_keys": USER_KEY, "service_override_keys": "tiny"}, "SERVICE_OVERRIDE_KEYS"),
        (
            {
                "service_api_keys": USER_KEY,
                "service_explain_keys": ADMIN_KEY,
                "service_override_keys": ADMIN_KEY,
            },
            "SERVICE_EXPLAIN_KEYS and SERVICE_OVERRIDE_KEYS share a key",
        ),
        ({"service_api_keys": USER_KEY, "service_approve_keys": "a" * 16}, "SERVICE_APPROVE_KEYS: expected"),
        ({"service_api_keys": USER_KEY, "service_approve_keys": "=" + "a" * 16}, "NAME=KEY"),
        ({"service_api_keys": USER_KEY, "service_approve_keys": "key:1=" + "a" * 16}, "NAME=KEY"),
        ({"service_api_keys": USER_KEY, "service_approve_keys": "a b=" + "a" * 16}, "NAME=KEY"),
        ({"service_api_keys": USER_KEY, "service_approve_keys": "alice=tiny"}, "fewer than 16"),
        (
            {"service_api_keys": USER_KEY, "service_approve_keys": f"alice={ADMIN_KEY},bob={ADMIN_KEY}"},
            "no key twice",
        ),
        ({"service_api_keys": USER_KEY, "service_approve_keys": f"alice={USER_KEY}"}, "share a key"),
        ({"service_tls_certificate": "/nowhere.pem"}, "SERVICE_TLS_KEY"),
        ({"service_tls_certificate": "/no.pem", "service_tls_key": "/no.key"}, "SERVICE_TLS_CERTIFICATE"),
    ],
)
def test_an_unsafe_configuration_is_refused(changed: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        check(settings(**changed))


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"service_host": "::1"},
        {"service_host": "127.0.0.2"},
        {"service_host": "0.0.0.0", "service_api_keys": f" {USER_KEY} , {'v' * 16},"},
        {"service_host": "::", "service_api_keys": USER_KEY, "service_admin_keys": ADMIN_KEY},
    ],
)
def test_a_safe_configuration_is_accepted(changed: dict[str, Any]) -> None:
    check(settings(**changed))


@pytest.mark.parametrize(
    ("key", "allowed", "problem"),
    [
        (None, frozenset(), None),
        (None, EITHER, UNAUTHORIZED),
        ("", EITHER, UNAUTHORIZED),
        ("x" * 16, EITHER, UNAUTHORIZED),
        (USER_KEY[:-1], EITHER, UNAUTHORIZED),
        (USER_KEY, EITHER, None),
        (USER_KEY, frozenset({Role.USER}), None),
        (USER_KEY, frozenset({Role.ADMIN}), FORBIDDEN),
        (ADMIN_KEY, frozenset({Role.ADMIN}), None),
        (ADMIN_KEY, frozenset({Role.USER}), FORBIDDEN),
    ],
)
def test_a_key_has_the_permissions_of_its_role(
    key: str | None, allowed: frozenset[Role], problem: Any
) -> None:
    keys = Keys([USER_KEY], [ADMIN_KEY])
    assert keys.refusal(keys.role(key), allowed) is problem


def test_no_route_and_no_method_admits_another_role_than_its_own() -> None:
    keys = {role: role.value * 4 for role in Role}
    by_role = [[key] for role, key in keys.items() if role is not Role.APPROVE]
    known = Keys(*by_role, approve={keys[Role.APPROVE]: "alice"})
    apart = {Role.EXPLAIN, Role.OVERRIDE, Role.APPROVE}
    special = {
        "/predict": {Role.USER},
        "/predict-batch": {Role.USER},
        "/reload-model": {Role.ADMIN},
        "/report": {Role.ADMIN},
        "/predictions/{request_id}": {Role.EXPLAIN},
        "/predictions/{request_id}/rescore": {Role.EXPLAIN},
        "/predictions/{request_id}/override": {Role.OVERRIDE},
        "/promotions": {Role.APPROVE},
        "/promotions/{version}/approve": {Role.APPROVE},
    }
    for route, allowed in ROUTES.items():
        admitted = {role for role, key in keys.items() if known.refusal(known.role(key), allowed) is None}
        if route in special:
            assert admitted == special[route], route
        else:
            assert not allowed or not admitted & apart, route
    for method, allowed in METHODS.items():
        assert not allowed & apart, method


def test_a_key_of_the_role_approve_belongs_to_a_person() -> None:
    first, second, other = ("a" * 16, "b" * 15 + "=", "c" * 16)
    given = f" alice={first}, alice={second},bob.lee-1_x={other},"
    keys = Keys.from_settings(settings(service_api_keys=USER_KEY, service_approve_keys=given))
    assert [keys.person(key) for key in (first, second, other)] == ["alice", "alice", "bob.lee-1_x"]
    assert [keys.role(key) for key in (first, second, other)] == [Role.APPROVE] * 3
    assert keys.person(USER_KEY) is keys.person(None) is keys.person("x" * 16) is None


def test_without_keys_every_client_has_every_permission() -> None:
    assert Keys([], []).refusal(None, EITHER) is None


@pytest.mark.parametrize(
    "name",
    [
        "alert_to",
        "dagster_ui_password",
        "database_direct_url",
        "database_url",
        "service_admin_keys",
        "service_api_keys",
        "service_approve_keys",
        "service_explain_keys",
        "service_override_keys",
        "signing_key_password",
    ],
)
def test_no_secret_is_in_the_text_of_the_settings(name: str) -> None:
    given = settings(**{name: USER_KEY})
    assert USER_KEY not in repr(given)
    assert USER_KEY not in given.model_dump_json()


@pytest.mark.parametrize(
    ("authorization", "header", "key"),
    [
        ("Bearer abc", None, "abc"),
        ("bearer  abc ", None, "abc"),
        ("Basic abc", None, None),
        ("Basic abc", "def", "def"),
        (None, "def", "def"),
        (None, None, None),
    ],
)
def test_a_key_is_read_from_either_header(
    authorization: str | None, header: str | None, key: str | None
) -> None:
    assert presented_key(authorization, header) == key


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/predict", "/predict"),
        ("/predict/", None),
        ("/static_content/swagger-ui.css", "/static_content/"),
        ("/static_content", None),
        ("//predict", None),
        ("/Predict", None),
        ("/predictions", None),
        ("/predictions/", None),
        ("/predictions/{request_id}", "/predictions/{request_id}"),
        ("/predictions/9b2e", "/predictions/{request_id}"),
        ("/predictions/9b2e/override", "/predictions/{request_id}/override"),
        ("/predictions/9b2e/rescore", "/predictions/{request_id}/rescore"),
        ("/predictions/9b2e/other", None),
        ("/promotions", "/promotions"),
        ("/promotions/c1/approve", "/promotions/{version}/approve"),
        ("/promotions/{version}/approve", "/promotions/{version}/approve"),
        ("/promotions/c1", None),
        ("/promotions/c1/decline", None),
        ("/predictions/9b2e/rescore/", None),
        ("/", "/"),
    ],
)
def test_only_known_paths_have_a_route(path: str, route: str | None) -> None:
    assert route_of(path) == route
    assert route is None or route in (*ROUTES, "/static_content/")


@pytest.mark.parametrize(
    ("rate", "arrivals", "admitted"),
    [
        (0, [0.0] * 100, 100),
        (3, [0.0] * 5, 3),
        (3, [0.0, 0.0, 0.0, 0.0, 0.34, 0.35], 4),
        (3, [0.0] * 3 + [60.0] * 5, 6),
        (0.5, [0.0, 0.1, 1.0, 2.1], 2),
    ],
)
def test_the_rate_limit_admits_a_number_of_requests(
    rate: float, arrivals: list[float], admitted: int
) -> None:
    limit = RateLimit(rate)
    assert sum(limit.admits("a", now) for now in arrivals) == admitted
    assert limit.admits("b", arrivals[-1])


def test_the_number_of_clients_in_memory_is_limited() -> None:
    limit = RateLimit(1, clients=10)
    assert all(limit.admits(str(n), 0.0) for n in range(1000))
    assert len(limit._buckets) == 10

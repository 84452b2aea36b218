"""Who reaches Dagster's UI: the rules that follow from the settings, and their order around an application."""

import re
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.middleware.trustedhost import TrustedHostMiddleware

from loan_default_assets.orchestration.ui.login import Login
from loan_default_assets.orchestration.ui.passwords import Password, PasswordError
from loan_default_assets.orchestration.ui.request_origin import SameOriginOnly
from loan_default_assets.ports import is_address, is_loopback, is_unspecified
from loan_default_assets.settings import Settings

_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
_HOST = re.compile(r"(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\]", re.IGNORECASE)


class UiAccessError(Exception):
    """The settings of Dagster's UI cannot be used; the message names the setting, and never quotes the password."""


@dataclass(frozen=True)
class AccessRules:
    """The hosts under which the UI answers, and its password where it has one."""

    hosts: tuple[str, ...]
    password: Password | None

    def protect(self, app: Starlette) -> Starlette:
        """The application, with the rules before all of its routes: host, then origin, then password."""
        if self.password is not None:
            app.add_middleware(Login, password=self.password)
        app.add_middleware(SameOriginOnly)
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=self.hosts, www_redirect=False)
        return app


def access_rules(settings: Settings) -> AccessRules:
    """The rules for DAGSTER_HOST, DAGSTER_UI_HOSTS and DAGSTER_UI_PASSWORD.

    Raises:
        UiAccessError: A value cannot be used, or the UI would be reachable from other machines without a password.
    """
    given = settings.dagster_ui_password
    if not is_address(settings.dagster_host):
        raise UiAccessError(
            "DAGSTER_HOST is not an IP address: set 127.0.0.1 for this machine only, 0.0.0.0 for every interface"
        )
    if given is None and not is_loopback(settings.dagster_host):
        raise UiAccessError(
            f"DAGSTER_HOST={settings.dagster_host} is reachable from other machines and Dagster's UI has no password\n"
            "Next: set DAGSTER_UI_PASSWORD (loan-default hash-password prints its hash), or DAGSTER_HOST=127.0.0.1"
        )
    try:
        password = Password(given.get_secret_value()) if given else None
    except PasswordError as error:
        raise UiAccessError(f"DAGSTER_UI_PASSWORD {error}") from None
    return AccessRules((*_LOOPBACK_NAMES, *_own_address(settings), *_configured(settings)), password)


def _own_address(settings: Settings) -> list[str]:
    host = settings.dagster_host
    if is_loopback(host) or is_unspecified(host):
        return []
    return [f"[{host}]" if ":" in host else host]


def _configured(settings: Settings) -> list[str]:
    hosts = [host.strip() for host in (settings.dagster_ui_hosts or "").split(",") if host.strip()]
    for host in hosts:
        if not _HOST.fullmatch(host):
            raise UiAccessError(
                f"DAGSTER_UI_HOSTS: {host!r} is not a host name or address without port\n"
                "Next: write names as browsers show them, separated by commas: dagster.example.com, 10.0.0.5, [fd00::1]"
            )
    return hosts

"""What must hold before the service opens a port: keys, addresses, certificates and free ports."""

import ipaddress
import ssl

from bento.access.api_keys import ConfigurationError, Keys
from bento.access.client_address import networks
from loan_default_assets.ports import bind_error, is_loopback
from loan_default_assets.settings import Settings
from loan_default_assets.warehouse.database import normalise
from loan_default_assets.warehouse.database_errors import WarehouseError


def check(settings: Settings) -> Keys:
    """Check the settings of the service.

    Returns:
        The API keys.

    Raises:
        ConfigurationError: A setting cannot be used; the message names it.
    """
    keys = Keys.from_settings(settings)
    try:
        ipaddress.ip_address(settings.service_host)
    except ValueError:
        raise ConfigurationError(
            "SERVICE_HOST is not an IP address: set 127.0.0.1 for this machine only, 0.0.0.0 for every interface"
        ) from None
    if not keys and not is_loopback(settings.service_host):
        raise ConfigurationError(
            f"SERVICE_HOST={settings.service_host} is reachable from other machines and no API key is set: "
            "set SERVICE_API_KEYS and SERVICE_ADMIN_KEYS, or SERVICE_HOST=127.0.0.1"
        )
    try:
        networks(settings.trusted_proxies)
    except ValueError as error:
        raise ConfigurationError(
            f"TRUSTED_PROXIES: {error}; set addresses or networks such as 10.0.0.0/8, separated by commas"
        ) from None
    try:
        if settings.database_direct_url:
            normalise(settings.database_direct_url.get_secret_value())
    except WarehouseError as error:
        raise ConfigurationError(str(error).replace("DATABASE_URL", "DATABASE_DIRECT_URL")) from None
    certificate, key = settings.service_tls_certificate, settings.service_tls_key
    if (certificate is None) != (key is None):
        raise ConfigurationError("SERVICE_TLS_CERTIFICATE and SERVICE_TLS_KEY must be set together: set both")
    if certificate and key:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
        except OSError as error:
            raise ConfigurationError(
                f"SERVICE_TLS_CERTIFICATE={certificate} and SERVICE_TLS_KEY={key} cannot be used: {error.strerror}"
            ) from None
    return keys


def require_free_port(host: str, port: int, setting: str) -> None:
    """Refuse a port on which something listens: workers share their port and would not notice.

    Raises:
        ConfigurationError: The port is in use; the message names the setting.
    """
    if error := bind_error(port, host):
        raise ConfigurationError(
            f"{setting}={port} cannot be used on {host} ({error.strerror}): "
            f"stop the process that has it, or set {setting} to another port"
        )

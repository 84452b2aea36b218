"""Health check of a container: `health.py service | code | webserver`; exit code 0 (healthy) or 1.

Runs every few seconds, so it imports little.
"""

import ssl
import sys
import urllib.request

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from loan_default_assets.settings import Settings

SECONDS = 5
# The proxy of the environment does not reach this container's own ports.
_NO_PROXY = urllib.request.ProxyHandler({})


def service() -> bool:
    """The service's process responds, with or without a model. Its certificate is not verified: it is its own."""
    settings = Settings()
    scheme = "https" if settings.service_tls_certificate else "http"
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    url = f"{scheme}://127.0.0.1:{settings.service_http_port}/livez"
    opener = urllib.request.build_opener(_NO_PROXY, urllib.request.HTTPSHandler(context=context))
    with opener.open(url, timeout=SECONDS) as response:
        return bool(response.status == 200)


def code() -> bool:
    """Dagster's code server has loaded the graph."""
    with grpc.insecure_channel("127.0.0.1:4000", (("grpc.enable_http_proxy", 0),)) as channel:
        request = health_pb2.HealthCheckRequest(service="DagsterApi")
        response = health_pb2_grpc.HealthStub(channel).Check(request, timeout=SECONDS)
    return bool(response.status == health_pb2.HealthCheckResponse.SERVING)


def webserver() -> bool:
    """Dagster's webserver responds."""
    opener = urllib.request.build_opener(_NO_PROXY)
    with opener.open("http://127.0.0.1:3000/server_info", timeout=SECONDS) as response:
        return bool(response.status == 200)


if __name__ == "__main__":
    checks = {check.__name__: check for check in (service, code, webserver)}
    try:
        sys.exit(not checks[sys.argv[1]]())
    except (OSError, grpc.RpcError) as error:
        sys.exit(f"{sys.argv[1]} does not respond: {type(error).__name__}")

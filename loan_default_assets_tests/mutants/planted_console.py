"""Planted faults of the console: sessions, forms of other sites, roles, escaping, and a database that is slow."""

from loan_default_assets_tests.mutants.mutant import WAREHOUSE, Mutant, mutant

SESSIONS = "bento/access/sessions.py"
MIDDLEWARE = "bento/http_api/middleware.py"
ROUTES_TEST = "bento/console/test_console_routes.py"
SESSIONS_TEST = "bento/console/test_console_sessions.py"

CONSOLE_FAULTS: tuple[Mutant, ...] = (
    mutant(
        "a session ends after an hour",
        SESSIONS,
        'token.encode("utf-8", "replace"), ttl=SESSION_SECONDS)',
        'token.encode("utf-8", "replace"))',
        "bento/access/test_sessions.py",
    ),
    mutant(
        "other keys end a session",
        SESSIONS,
        'b"".join(sorted(digest for digest, _ in keys.digests()))',
        'b""',
        "bento/access/test_sessions.py",
    ),
    mutant(
        "over TLS only a cookie of TLS is a session",
        SESSIONS,
        "get(SECURE_COOKIE if secure else COOKIE)",
        "get(COOKIE) or cookie_parser(cookies).get(SECURE_COOKIE)",
        "bento/access/test_sessions.py",
    ),
    mutant(
        "a form of another site is refused",
        MIDDLEWARE,
        "if key is None and not _is_own_form(headers):",
        "if key is None and False:",
        SESSIONS_TEST,
    ),
    mutant(
        "a browser that names no origin sends no form",
        MIDDLEWARE,
        'headers.get(b"host", b"?").lower()',
        'headers.get(b"host", b"?").lower() or b"origin" not in headers',
        SESSIONS_TEST,
    ),
    mutant(
        "a session reads, and sends forms only",
        MIDDLEWARE,
        'if key is None and (route in FORMS or scope["method"] in READING):',
        "if key is None:",
        ROUTES_TEST,
    ),
    mutant(
        "an administration key scores no application on a page",
        "bento/access/permissions.py",
        '    "/score": USER,\n',
        '    "/score": EITHER,\n',
        ROUTES_TEST,
        "bento/test_transports.py",
    ),
    mutant(
        "pages escape every value",
        "bento/console/page_rendering.py",
        "autoescape=True,",
        "autoescape=False,",
        "bento/console/test_scoring_page.py",
        "bento/console/test_overview_page.py",
    ),
    mutant(
        "a path leads to no report",
        "bento/http_api/endpoints.py",
        "if not is_version(version):",
        "if not version:",
        ROUTES_TEST,
    ),
    mutant(
        "a statement of the console ends in time",
        f"{WAREHOUSE}/database.py",
        'cursor.execute("SET LOCAL statement_timeout = %s", (int(1000 * self.patience),))',
        "cursor.execute(\"SET LOCAL statement_timeout = '5s'\")",
        "bento/console/test_overview_facts.py",
    ),
)

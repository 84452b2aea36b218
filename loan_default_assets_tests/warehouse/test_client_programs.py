import io

import pytest

from loan_default_assets.warehouse.client_programs import connection_arguments, last_line


def test_no_password_is_in_the_list_of_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGOPTIONS", "-c work_mem=1MB")
    url = "postgresql://u:p%40ss@host:5433/d?sslmode=require"
    option, environment = connection_arguments(url, embedded=False)
    assert "p@ss" not in option
    assert "p%40ss" not in option
    for part in ("user=u", "host=host", "port=5433", "dbname=d", "sslmode=require"):
        assert part in option
    assert environment["PGPASSWORD"] == "p@ss"
    assert environment["PGOPTIONS"] == "-c work_mem=1MB"
    _, environment = connection_arguments("postgresql://postgres@/d?host=/socket", embedded=True)
    assert not [name for name in environment if name.startswith("PG")]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("psql: note\nERROR:  lock timeout\nCONTEXT: more", "ERROR:  lock timeout"),
        (
            'ERROR:  invalid input syntax for type date: "Kim Minjun"',
            'ERROR:  invalid input syntax for type date: "..."',
        ),
        ("first\nlast", "last"),
        ("", "no message"),
    ],
)
def test_the_first_error_of_a_program_is_shown_without_values(text: str, line: str) -> None:
    assert last_line(io.BytesIO(text.encode())) == line

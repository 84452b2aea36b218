"""Protected attributes and personal data by their names, in the languages that banks write them in."""

import pytest

from loan_default_assets.portfolio.profiling.sensitive_columns import is_protected, personal_data

PROTECTED = (
    "sex", "GENDER_CD", "marital_st", "성별", "남녀구분", "결혼유무", "배우자유무", "국적코드", "본적지",
    "Geschlecht", "KundenGeschlecht", "kundengeschlecht", "Staatsangehörigkeit", "Staatsangehoerigkeit",
    "Nationalität", "Familienstand", "Zivilstand", "Religion", "Konfession", "Schwerbehinderung", "Ausländerstatus",
    "Geburtsort", "sexe", "Sexe_Emprunteur", "genre", "nationalité", "état civil", "etat_civil",
    "situation_familiale", "lieu_de_naissance", "handicapé", "sexo", "SEXO_CLIENTE", "género", "EstadoCivil",
    "estado_civil", "nacionalidad", "religión", "raza", "etnia", "discapacidad", "extranjero", "país_de_nacimiento",
    "gênero", "nacionalidade", "raça", "cidadania", "local_nascimento", "sesso", "stato_civile", "cittadinanza",
    "nazionalità", "luogo di nascita", "geslacht", "burgerlijke_staat", "płeć", "obywatelstwo", "cinsiyet",
    "medeni_durum", "jenis_kelamin", "agama", "пол", "семейное положение", "гражданство", "性別", "性别", "国籍",
    "婚姻状况", "民族", "宗教", "trade_union", "Gewerkschaftsmitglied", "노조가입",
)  # fmt: skip
OTHERS = (
    "racing_bets", "purpose", "estado", "estado_prestamo", "civil_claims", "genre_credit", "state", "stato",
    "stato_pratica", "situation", "local", "paese", "pais", "lugar", "polizza", "пол_года", "rate", "rasch",
    "generic_score", "general_ledger", "특성별점수", "대출신용점수", "신분", "배우자소득", "障害発生件数",
    "familien_kredit",
    "geschaeft", "Geschäftszweig", "tranche", "Bonität", "Laufzeit", "domicile_type", "nombre_enfants", "sector",
    "etapa", "plazo", "segment", "stage", "ethics_score", "sexagesimal", "agency", "statut", "status_pratique",
    "credit_union", "union_branch",
)  # fmt: skip
PERSONS = (
    "first_name", "성명", "Vorname", "Nachname", "apellidos", "prénom", "nom", "cognome", "nombre_completo",
    "nome_cliente", "氏名",
)  # fmt: skip
OTHER_PERSONAL = (
    ("Telefonnummer", "telephone numbers"),
    ("teléfono", "telephone numbers"),
    ("celular", "telephone numbers"),
    ("Anschrift", "addresses"),
    ("Straße", "addresses"),
    ("dirección", "addresses"),
    ("endereço", "addresses"),
    ("Steuer-ID", "resident or social security numbers"),
    ("DNI", "resident or social security numbers"),
    ("Codice Fiscale", "resident or social security numbers"),
    ("Personalausweisnummer", "passport or licence numbers"),
)
NUMBERS = (
    "nombre_enfants", "nombre_mensualites", "nombre", "nominal", "nomenclature", "adresse_jahre", "denomination",
    "anzahl_telefonate", "telefonate", "months_at_address",
)  # fmt: skip
MANY = {f"{number} und mehr": 3 for number in range(40)}


@pytest.mark.parametrize("name", PROTECTED)
def test_a_protected_attribute_is_found_by_its_name_in_any_language(name: str) -> None:
    assert is_protected(name)


@pytest.mark.parametrize("name", OTHERS)
def test_a_name_that_only_sounds_like_one_is_not_protected(name: str) -> None:
    assert not is_protected(name)


@pytest.mark.parametrize("name", PERSONS)
def test_names_of_persons_are_personal_data_however_few_they_are(name: str) -> None:
    assert personal_data(name, {"A": 10, "B": 10, "C": 10}) == "names of persons"


@pytest.mark.parametrize(("name", "kind"), OTHER_PERSONAL)
def test_personal_data_is_found_by_its_name_in_other_languages(name: str, kind: str) -> None:
    assert personal_data(name, MANY) == kind
    assert personal_data(name, {"ja": 60, "nein": 60}) is None


@pytest.mark.parametrize("name", NUMBERS)
def test_a_name_that_only_sounds_personal_is_not(name: str) -> None:
    assert personal_data(name, MANY) is None

"""Columns that no model should see: personal data and protected attributes, by their names and their cells."""

import re
from collections.abc import Mapping

from loan_default_assets.portfolio.column_words import words_of
from loan_default_assets.portfolio.profiling.quantity_names import names_quantity

_LEAST_SHARE = 0.8
_FEWEST_DIFFERENT = 20
_PROTECTED = re.compile(
    r"\b(?:sex|gender|race|racial|ethnic\w*|religio\w*|nationality|citizen\w*|national origin|foreign\w*"
    r"|marital|marriage|married|pregnan\w*|disab\w*|sexual|male|female|caste|tribe|ancestry|skin colou?r"
    r"|birth ?place|(?:place|country) of birth|political\w*|veteran|trade union|union member\w*)\b"
    r"|(?<!특)성별|남녀|인종|종교|국적|혼인|결혼|배우자 ?(?:유무|여부)|장애|외국인|(?<!대)출신|출생지|본적|정치"
    r"|노동조합|노조"
    # German, French, Spanish, Portuguese, Italian, Dutch, Polish, Turkish, Indonesian and Russian.
    r"|geschlecht|\b(?:sexe|sexo|sesso|genero|género|gênero|genere|geslacht|płeć|cinsiyet|jenis kelamin)\b"
    r"|^(?:genre|пол)$|\bgenre (?:client|emprunteur|demandeur)"
    r"|staatsang|staatsbürger|staatsbuerger|nationalit|nacionalid|nazionalit|cittadinanza|ciudadan|cidadania|citoyen"
    r"|obywatelstwo|uyruk|kewarganegaraan|гражданство|национальность"
    r"|familienstand|zivilstand|ehestand"
    r"|\b(?:estado ?civil|[eé]tat ?civil|stato ?civile|burgerlijke staat|stan cywilny)\b"
    r"|\b(?:situation (?:familiale|matrimoniale|maritale)|medeni (?:hal|durum)\w*|status (?:pernikahan|perkawinan))\b"
    r"|семейное положение"
    r"|\b(?:religi\w+|konfession|kirchensteuer|agama|rasse|raza|raça|razza|etnia|ethnie|[eé]tnic\w+|behinder\w*"
    r"|schwerbehind\w*|discapaci\w+|handicap\w*|schwanger\w*|embaraz\w+|ausländer\w*|auslaender\w*"
    r"|extranjer\w+|[eé]tranger\w*|stranier\w+|estrangeir\w+|migrationshintergrund|geburts(?:ort|land)|gewerkschaft\w*)\b"
    r"|\b(?:lieu|pays|lugar|pa[ií]s|luogo|paese|local) (?:de |di )?(?:naissance|nacimiento|nascita|nascimento)\b"
    # Chinese and Japanese.
    r"|性別|性别|男女|国籍|國籍|民族|人種|婚姻|結婚|宗教|障害(?!発生)|残疾|出生地"
)
_BY_NAME = {
    "names of persons": r"\b(?:(?:full|first|last|sur|given|family|middle|customer|client|borrower|applicant|contact)"
    r" ?names?|firstname|lastname|surname|fullname|name)\b|성명|이름|고객명|차주명|氏名|姓名",
    "e-mail addresses": r"\be ?mails?\b|이메일|전자우편",
    "telephone numbers": r"\b(?:tele)?phones? ?(?:no|num|number)?\b|\bmobile ?(?:no|number|phone)?\b"
    r"|전화|휴대폰|연락처|電話|电话|手机号"
    r"|\b(?:telefon(?:nummer|nr|no)?|tel[eé]fono|telefone|handy(?:nummer|nr)?|celular|cellulare|m[oó]vil)\b",
    "addresses": r"\b(?:street|home|mailing|postal) ?address\b|\baddress\b|\baddr\b(?! state)|주소|住所|地址"
    r"|\banschrift\b|^(?:wohnadresse|adresse|strasse|direcci[oó]n|domicilio|indirizzo|endere[cç]o|adres)$",
    "resident or social security numbers": r"\bssn\b|\bsocial security\b|\bresident ?(?:no|number|id)\b|주민"
    r"|身份证|マイナンバー"
    r"|\b(?:steuer ?(?:id|nummer)|dni|nif|curp|cpf|codice fiscale|pesel|bsn|aadhaar)\b",
    "passport or licence numbers": r"\bpassport\b|\blicen[cs]e ?(?:no|number)\b|여권|운전면허"
    r"|\b(?:reisepass\w*|personalausweis\w*|ausweis ?(?:nr|nummer)|pasaporte|passeport|passaporto)\b",
}
# Names of columns that hold persons' names, however few of them a file has.
_PERSON_NAME = re.compile(
    r"\b(?:(?:full|first|last|sur|given|family|middle|maiden) ?name|[fl]name|borrower name|applicant name)\b"
    r"|성명|고객명|차주명|신청인명|대표자명"
    # A bare French "nombre" is a number.
    r"|\b(?:vorname|nachname|familienname|kundenname|apellidos?|pr[eé]nom|cognome|sobrenome)\b"
    r"|^(?:nom|nome)$|\b(?:nom de famille|nombre (?:completo|(?:del? )?cliente)|nome (?:completo|cliente))\b|氏名|姓名"
)
_NAME_PATTERNS = {kind: re.compile(pattern) for kind, pattern in _BY_NAME.items()}
_CELL_PATTERNS = {
    "e-mail addresses": re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]{2,}"),
    "resident or social security numbers": re.compile(
        r"\d{2}[01]\d[0-3]\d[- ]?[1-8](?:\d{6}|[*xX]{6})|\d{3}-\d{2}-\d{4}"
    ),
    "telephone numbers": re.compile(
        r"0\d{1,2}[-. )]\s?\d{3,4}[-. ]\d{4}|01[016789]\d{7,8}|\+\d{1,3}[-. ]?\(?\d{1,4}\)?(?:[-. ]?\d{2,4}){2,4}"
        r"|\(?\d{3}\)?[-. ]\d{3}[-. ]\d{4}"
    ),
    "card or account numbers": re.compile(
        r"\d{4}[- ]\d{4}[- ]\d{4}[- ]\d{4}|[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?"
    ),
}


def is_protected(name: str) -> bool:
    """Whether a column of this name holds an attribute that no decision may depend on.

    Examples:
        >>> [is_protected(name) for name in ("sex", "personal_status_sex", "foreign_worker", "성별", "racing_bets")]
        [True, True, True, True, False]
    """
    return bool(_PROTECTED.search(words_of(name)))


def personal_data(name: str, counts: Mapping[str, int]) -> str | None:
    """The kind of personal data in a column; None for other columns.

    Args:
        name: The column's name.
        counts: Number of cells per distinct text, without missing ones.

    Returns:
        Such as `e-mail addresses`: by the form of most cells, or by the name where many values occur.
    """
    total = sum(counts.values())
    if not total:
        return None
    for kind, pattern in _CELL_PATTERNS.items():
        if sum(count for text, count in counts.items() if pattern.fullmatch(text)) >= _LEAST_SHARE * total:
            return kind
    words = words_of(name)
    if len(counts) > 2 and _PERSON_NAME.search(words):
        return "names of persons"
    if len(counts) > _FEWEST_DIFFERENT:
        # A bare "name" may be that of a product or a branch, unless most of them differ.
        if (words == "name" and len(counts) <= 0.2 * total) or names_quantity(words):
            return None
        return next((kind for kind, pattern in _NAME_PATTERNS.items() if pattern.search(words)), None)
    return None

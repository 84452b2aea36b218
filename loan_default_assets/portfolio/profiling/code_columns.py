"""Columns of codes and identifiers, told from quantities and counts by their names and cells."""

import re
from collections import Counter
from collections.abc import Mapping
from itertools import pairwise

from loan_default_assets.portfolio.column_words import words_of
from loan_default_assets.portfolio.ingest.number_formats import is_identifier
from loan_default_assets.portfolio.ingest.number_parsing import NumberFormat
from loan_default_assets.portfolio.profiling.column_profiles import ColumnProfile
from loan_default_assets.portfolio.profiling.quantity_names import names_quantity

MOSTLY_DISTINCT = 0.5
MOST_CATEGORIES = 200
FEW_CODES = 12

_ID_NAME = re.compile(
    r"(?:^|\b)(?:\w* )*(?:ids?|uuid|guid|key|index|serial|row ?num(?:ber)?|(?:account|acct|loan|customer|member"
    r"|contract|application|case|client|borrower|card|policy|reference|ref) ?(?:no|nr|num|number|nbr|#)|account|acct)\b"
    r"|(?:^| )(?:no|nr|id)$|번호|식별|일련|계좌"
)
# Columns that can only identify a loan or a borrower, however often a value repeats.
_LOAN_ID_NAME = re.compile(
    r"^(?:id|(?:loan|account|acct|contract|application|agreement|facility|deal|mortgage|customer|client|borrower|member"
    r"|applicant|cust|obligor) ?(?:id|no|nr|num|number|nbr|key|seq\w*(?: (?:no|nr|num|number))?|identifier|#))$"
    r"|^(?:customer|client|borrower|applicant|obligor|debtor)$|^(?:고객|차주|채무자|신청인)$"
    r"|^(?:대출|계좌|계약|고객|차주|회원|신청) ?(?:번호|식별자?|id)$"
)
_POSTAL_NAME = re.compile(r"\b(?:zip ?(?:code)?|postal ?code|post ?code|plz)\b|우편")
_CODE_NAME = re.compile(
    r"\b(?:code|cd|type|kind|class|category|cat|group|grp|region|zone|area|branch|sector|industry|purpose|zip\w*|postal"
    r"|postcode|naics|sic|segment|channel|product|occupation|job|education|status|housing|property|flag|ind)\b"
    r"|코드|구분|유형|종류|지역|지점|업종|직업|상품|우편"
)
# Codes without an order, whatever the outcome says.
_NOMINAL_NAME = re.compile(
    r"\b(?:code|cd|type|kind|category|cat|region|zone|area|branch|sector|industry|purpose|zip\w*|postal|postcode|naics"
    r"|sic|channel|product|occupation|state|country|city|brand)\b|코드|구분|유형|종류|지역|지점|업종|직업|상품|우편"
)
_COUNT_NAME = re.compile(
    r"\b(?:num(?:ber)?|no|nbr|count|cnt|n|age|term|months?|mths?|years?|yrs?|days?|children|kids|dependents?|dependants?"
    r"|inq\w*|inquir\w*|open|acc|accs|accounts|delinq\w*|times?|pub|rec|score|rate|amount|amt|qty|tenure|members|people"
    r"|duration|loans|cards|credits|jobs?|emp|employees)\b|건수|횟수|개월|기간|나이|연령|자녀|가족수|점수|부양|인원"
)


def identifier_reason(source_name: str, profile: ColumnProfile) -> str:
    """Why a column is an identifier; an empty text for other columns."""
    words, present = words_of(source_name), profile.present
    total = sum(present.values())
    distinct = len(present) if profile.complete else total
    if distinct < 20:
        return ""
    digits = [text for text in present if text.isdecimal()]
    if sum(map(is_identifier, present)) > 0.5 * len(present) and (
        distinct > MOSTLY_DISTINCT * total or max(map(len, present)) >= 15
    ):
        return "an identifier: numbers that would lose digits, or codes that hardly repeat"
    if names_loans(source_name, profile):
        return "an identifier by its name"
    named = bool(_ID_NAME.search(words)) and not _CODE_NAME.search(words) and not names_quantity(words)
    if named and distinct > MOSTLY_DISTINCT * total and not any("." in text[:-2] for text in present):
        return "an identifier by its name; most values differ"
    if distinct == total and len(digits) == len(present) and profile.complete:
        numbers = sorted(map(int, digits))
        if numbers[-1] - numbers[0] == len(numbers) - 1:
            return "a row number: every whole number once"
    if distinct == total and all(re.fullmatch(r"[0-9a-fA-F-]{16,}", text) for text in present):
        return "an identifier: every value differs"
    return ""


def names_loans(source_name: str, profile: ColumnProfile) -> bool:
    """Whether a column identifies loans or borrowers by its name, also where a value has several rows."""
    present = profile.present
    whole = not any(re.search(r"\.\d*[1-9]", text) for text in present)
    return len(present) >= 20 and whole and bool(_LOAN_ID_NAME.search(words_of(source_name)))


def is_nominal(source_name: str) -> bool:
    """Whether a column of this name holds codes without an order, such as a purpose or a region."""
    return bool(_NOMINAL_NAME.search(words_of(source_name)))


def are_codes(words: str, profile: ColumnProfile, found: NumberFormat, numbers: Mapping[float, int]) -> bool:
    """Whether few small whole numbers are codes rather than counts or quantities."""
    if not profile.complete or found.keys() or found.rejected or not numbers:
        return False
    whole = all(number.is_integer() for number in numbers)
    if whole and _POSTAL_NAME.search(words):
        return True
    if not whole or len(numbers) > FEW_CODES:
        return (
            whole
            and bool(_CODE_NAME.search(words))
            and len(numbers) <= MOST_CATEGORIES
            and _hardly_quantities(numbers)
        )
    if len(numbers) <= 2 and max(map(abs, numbers)) <= 2:
        return True
    if _CODE_NAME.search(words):
        return True
    if _COUNT_NAME.search(words) or max(map(abs, numbers)) > FEW_CODES or min(numbers) < 0:
        return False
    ordered = [numbers[number] for number in sorted(numbers)]
    # Counts begin at 0 or 1 and thin out; codes do not.
    thinning = all(later <= earlier * 1.1 for earlier, later in pairwise(ordered))
    return not (min(numbers) == 0 and thinning and len(numbers) > 3)


def _hardly_quantities(numbers: Mapping[float, int]) -> bool:
    """Whether the numbers are as long as codes: no decimals, none negative, most of one length."""
    lengths = Counter(len(f"{number:.0f}") for number in numbers)
    return min(numbers) >= 0 and lengths.most_common(1)[0][1] >= 0.9 * len(numbers)

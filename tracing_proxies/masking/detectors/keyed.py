"""Ids that only the words before them give away: ``passport number is …``, ``Führerschein-Nr. …``, ``"taxId": "…"``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from tracing_proxies.masking.detectors import schemes
from tracing_proxies.masking.detectors.kinds import Part, Span
from tracing_proxies.masking.detectors.schemes import Check

# Class and the words after which its values stand.
_WORDS: Final = {
    "passport": """passport|passeport|reisepass|pasaporte|passaporto|passaporte|paszport|paspoort|pass-nr|passnummer
        |pasaport|паспорт""",
    "driver_license": """driver's license|driver’s license|drivers license|driver license|driver's licence|drivers licence
        |driver licence|driving license|driving licence|driverslicense|driverlicense|drivinglicense|drivinglicence
        |driver_license|drivers_license|driving_licence|driving_license|license number|licence number|license no|licence no
        |führerschein|fuehrerschein|permis de conduire|carnet de conducir|permiso de conducir|carteira de motorista
        |patente di guida|prawo jazdy|prawa jazdy|rijbewijs|körkort|dl number|dl no""",
    "vehicle": """vin|vehicle identification|license plate|licence plate|number plate|plate number|registration plate
        |kennzeichen|fahrgestellnummer|fin-nr|targa|plaque d'immatriculation|immatriculation|matrícula|matricula
        |numer rejestracyjny|nr rejestracyjny|nr rej|kenteken|licenseplate|vehicle registration""",
    "bank_account": """account number|account no|account num|acct|bank account|accountnumber|account_number|a/c|routing
        |aba number|sort code|sort_code|bsb|clabe|ifsc|kontonummer|konto-nr|nr konta|numer konta|numer rachunku|nr rachunku
        |numéro de compte|número de cuenta|numero di conto|conto corrente|rekeningnummer|bankleitzahl|blz""",
    "national_id": """pesel|nip|regon|dowód|dowod|dowodu|steuer-id|steuerid|steueridentifikationsnummer|steuernummer|idnr
        |sozialversicherungsnummer|krankenversichertennummer|versichertennummer|kvnr|egk|personalausweis|ausweisnummer
        |ausweis|nif|nie|dni|cif|codice fiscale|partita iva|cpf|cnpj|rut|cuit|cuil|curp|rfc|bsn|burgerservicenummer
        |personnummer|fødselsnummer|fodselsnummer|cpr|hetu|henkilötunnus|aadhaar|aadhar|pan|gstin|gst|nric|fin|uen|tfn
        |tax file|abn|acn|medicare|nhs|nino|national insurance|ni number|sin|social insurance|itin|ein|tin|tax id|taxid
        |tax_id|tax identification|taxpayer|vat|ust-id|ustid|umsatzsteuer-id|brn|rrn|business registration
        |resident registration|my number|npi|provider identifier|mbi|national id|nationalid|national_id
        |national identification|identity card|identity number|identity no|identification number|id card|id number|idcard
        |african id|sa id|rsa id|citizen id|voter id|voter|nin|tckn|kimlik|emirates id|iqama|personal code
        |personal identification|isikukood|asmens kodas|oib|jmbg|cnp|egn|amka|afm|kennitala|sécurité sociale
        |securite sociale|seguridad social|social security|resident number|refugee id|medical license|dea number|dea
        |medical record|mrn|member id|policy number|insurance number|alien number|bsnr|lanr|snils|инн|снилс|rodné číslo
        |身份证|身份证号|マイナンバー|주민등록번호|사업자등록번호""",
}
# Words that name one scheme: what fails its check is a sample, or some other number.
_CHECKS: Final[dict[str, tuple[int, Check]]] = {
    "pesel": (11, schemes.pesel),
    "nip": (10, schemes.nip),
    "regon": (9, schemes.regon),
    "cpf": (11, schemes.cpf),
    "cnpj": (14, schemes.cnpj),
    "tckn": (11, schemes.tckn),
    "egn": (10, schemes.bulgarian),
    "cnp": (13, schemes.romanian),
    "jmbg": (13, schemes.yugoslav),
    "amka": (11, schemes.amka),
    "abn": (11, schemes.abn),
    "tfn": (9, schemes.tfn),
    "aadhaar": (12, schemes.aadhaar),
    "aadhar": (12, schemes.aadhaar),
    "npi": (10, schemes.npi),
    "brn": (10, schemes.korean_business),
    "nhs": (10, schemes.nhs),
    "african id": (13, schemes.south_african),
    "rsa id": (13, schemes.south_african),
    "sa id": (13, schemes.south_african),
}
# Short words are words of other languages too (sin, pan, fin): they count in capitals, or with `number` or a sign.
_SHORT = 4
_FILLER = (
    "numbers?|no|nr|num|numer|numeru|nummer|número|numero|numéro|id|ids|is|are|was|card|code|the|my|your|his|her|of|for"
    "|identifier|identification|kod|pojazdu|osobisty|osobistego|seria|i|und|y|et|and|value|field|ist|lautet|es|est|jest"
    "|konta|rachunku|bankowego|bank|licence|license|plate|registration|record|insurance|security|account|tax|holder"
    "|file|n[°º]|numbered|issued|valid|new|old|current|unique|personal|provider|customer|номер"
)
_GAP = re.compile(
    rf"(?:[\s:=#.,'\"()\[\]\-–\\*_>|/&]{{0,6}}(?:{_FILLER})(?![^\W\d_]))"
    r"{0,4}[\s:=#.,'\"()\[\]\-–\\*_>|]{0,6}",
    re.IGNORECASE,
)
_SAYS_NUMBER = re.compile(r"[ _\-]?(?:n[ro°º]|num|[#:=])|['\"]\s?[:=]|,", re.IGNORECASE)
_PIECE = re.compile(r"[A-Za-z0-9]{1,24}(?![A-Za-z0-9_])")
_JOINTS = " -./"
_NO_JOINTS = str.maketrans("", "", _JOINTS)
_MOST_PIECES = 7
_MOST = 24
_DATE = re.compile(
    r"(?:19|20)[0-9]{2}[\-/.][01]?[0-9][\-/.][0-3]?[0-9](?![0-9])|[0-3]?[0-9][\-/.][01]?[0-9][\-/.](?:19|20)?[0-9]{2}(?![0-9])"
)


def _words(listed: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in listed.replace("\n", "").split("|"))


def _reader(name: str, words: tuple[str, ...]) -> Part:
    word_at = re.compile("|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))).match
    least_digits, least = (1, 5) if name == "vehicle" else (4, 6)

    def read(text: str, lower: str, places: Sequence[int]) -> Iterator[Span]:
        past = -1
        for at in places:
            if at < past or (at and (lower[at - 1].isalnum() and not _is_camel(text, at))):
                continue
            word = word_at(lower, at)
            if word is None:
                continue
            after = word.end()
            check = _CHECKS.get(word[0])
            if after - at <= _SHORT and not _is_meant(text, at, after):
                continue
            gap = _GAP.match(text, after)
            begin = gap.end() if gap else after
            if begin == after:
                continue
            end = code_end(text, begin, least, least_digits)
            if end and not (check and _fails(check, text[begin:end])):
                past = end
                yield begin, end, name

    return Part((name,), words, read)


def _is_camel(text: str, at: int) -> bool:
    return text[at].isupper() and text[at - 1].islower()


def _is_meant(text: str, start: int, end: int) -> bool:
    if text[end : end + 1].isalpha() and not (text[end].isupper() and text[end - 1].islower()):
        return False
    return text[start:end].isupper() or bool(_SAYS_NUMBER.match(text, end))


def code_end(text: str, start: int, least: int, least_digits: int) -> int:
    """Return where a code that begins at a place ends; 0 if none does.

    Args:
        text: the text.
        start: the place.
        least: the least number of letters and digits.
        least_digits: how many of them have to be digits.
    """
    at, end, size, digits = start, 0, 0, 0
    for _ in range(_MOST_PIECES):
        piece = _PIECE.match(text, at)
        if piece is None:
            break
        written = piece[0]
        count = sum(map(str.isdigit, written))
        if not count and not (written.isupper() and len(written) <= 4):
            break
        if size + len(written) > _MOST:
            break
        size += len(written)
        digits += count
        end = piece.end()
        joint = text[end : end + 1]
        if joint not in _JOINTS or (joint == "/" and count < len(written)):
            break
        at = end + 1
    if size < least or digits < least_digits or _DATE.match(text, start):
        return 0
    return end


def _fails(scheme: tuple[int, Check], written: str) -> bool:
    """Tell whether digits fail the check of the scheme that the words before them name; other writing is no such number."""
    digits = written.translate(_NO_JOINTS)
    size, check = scheme
    return digits.isdigit() and not (len(digits) == size and check(digits))


PARTS = tuple(_reader(name, _words(listed)) for name, listed in _WORDS.items())

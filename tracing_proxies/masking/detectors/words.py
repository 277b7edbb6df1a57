"""Words that say what the number or code beside them is."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from tracing_proxies.masking.keys import split_name


def _words(listed: str) -> tuple[str, ...]:
    return tuple(" ".join(word.split()) for word in listed.split("|"))


NAMED_OTHERWISE: Final = frozenset(
    """order orders invoice ticket sku ref reference batch serial version build port pid isbn ean upc gtin asin
    tracking timestamp time epoch seed offset sha commit line bytes size amount total quantity qty price usd eur rev
    revision trace span request run job task thread session message page issue pr row rows""".split()
)
"""What stands before a number that looks like an id and is none."""


AFTER: Final[dict[str, tuple[str, ...]]] = {
    "passport": _words(
        """passport | passeport | reisepass | pasaporte | passaporto | passaporte | paszport | paspoort | pass-nr |
        passnummer | pasaport | паспорт"""
    ),
    "driver_license": _words(
        """driver's license | driver’s license | drivers license | driver license | driver's licence | drivers
        licence | driver licence | driving license | driving licence | driverslicense | driverlicense |
        drivinglicense | drivinglicence | driver_license | drivers_license | driving_licence | driving_license |
        license number | licence number | license no | licence no | führerschein | fuehrerschein | permis de
        conduire | carnet de conducir | permiso de conducir | carteira de motorista | patente di guida | prawo
        jazdy | prawa jazdy | rijbewijs | körkort | dl number | dl no"""
    ),
    "vehicle": _words(
        """vin | vehicle identification | license plate | licence plate | number plate | plate number |
        registration plate | kennzeichen | fahrgestellnummer | fin-nr | targa | plaque d'immatriculation |
        immatriculation | matrícula | matricula | numer rejestracyjny | nr rejestracyjny | nr rej | kenteken |
        licenseplate | vehicle registration"""
    ),
    "bank_account": _words(
        """account number | account no | account num | acct | bank account | accountnumber | account_number | a/c |
        routing | aba | sort code | sort_code | bsb | clabe | ifsc | kontonummer | konto-nr | nr konta |
        numer konta | numer rachunku | nr rachunku | numéro de compte | número de cuenta | numero di conto |
        conto corrente | rekeningnummer | bankleitzahl | blz"""
    ),
    "national_id": _words(
        """pesel | nip | regon | dowód | dowod | dowodu | steuer-id | steuerid | steueridentifikationsnummer |
        steuernummer | idnr | sozialversicherungsnummer | krankenversichertennummer | versichertennummer | kvnr
        | egk | personalausweis | ausweisnummer | ausweis | nif | nie | dni | cif | codice fiscale | partita iva
        | cpf | cnpj | rut | cuit | cuil | curp | rfc | bsn | burgerservicenummer | personnummer | fødselsnummer
        | fodselsnummer | cpr | hetu | henkilötunnus | aadhaar | aadhar | pan | gstin | gst | nric | fin | uen |
        tfn | tax file | abn | acn | medicare | nhs | nino | national insurance | ni number | sin | social
        insurance | itin | ein | tin | tax id | taxid | tax_id | tax identification | taxpayer | vat | ust-id |
        ustid | umsatzsteuer-id | brn | rrn | business registration | resident registration | npi |
        provider identifier | mbi | national id | nationalid | national_id | national identification | identity
        card | identity number | identity no | identification number | id card | id number | idcard | african id
        | sa id | rsa id | citizen id | voter id | voter | nin | tckn | kimlik | emirates id | iqama | personal
        code | personal identification | isikukood | asmens kodas | oib | jmbg | cnp | egn | amka | afm |
        kennitala | sécurité sociale | securite sociale | seguridad social | social security | resident number |
        cédula | cedula | személyi szám | személyi azonosító | emšo | rijksregisternummer | riziv | егн | рнокпп |
        ідентифікаційний код | תעודת זהות | ת.ז | ahv | numer identyfikacji | 身分證 |
        refugee id | medical license | dea number | dea | medical record | mrn | member id | policy number |
        insurance number | alien number | bsnr | lanr | snils | инн | снилс | rodné číslo | 身份证 | 身份证号 |
        マイナンバー | 個人番号 | 주민등록번호 | 사업자등록번호"""
    ),
    "birth_date": _words(
        """date of birth | birth date | birthdate | date_of_birth | birth_date | dateofbirth | dob | d.o.b |
        birthday | born | geburtsdatum | geboren | geb. | date de naissance | né le | née le | fecha de
        nacimiento | nacido el | nacida el | data di nascita | nato il | nata il | data urodzenia | urodzony |
        urodzona | ur. | geboortedatum | födelsedatum | fødselsdato | data de nascimento | nascido em | nascida
        em | 生年月日 | 出生日期 | 생년월일"""
    ),
    "website": _words(
        """website | web site | homepage | home page | personal site | personal page | my site | my blog | webseite
        | sitio web | site web | sito web | strona www | página web"""
    ),
    "coordinates": _words("""latitude | longitude | lat | lon | lng | coordinates | coords | gps | geolocation"""),
}
"""For each class the words, in lower case, after which its values stand."""

_TELLING = frozenset(
    """phone telephone tel mobile fax cell whatsapp msisdn card cc ssn social security landline telefon handy
    id ids order orders invoice ticket ref reference batch serial isbn ean upc gtin asin tracking timestamp""".split()
)
_PLACES = frozenset(AFTER["coordinates"])
_PHRASES: dict[str, tuple[tuple[str, ...], ...]] = {}
"""The same as words, by the first of them."""
for _phrase in {split_name(word): None for words in AFTER.values() for word in words}:
    if _phrase:
        _PHRASES[_phrase[0]] = (*_PHRASES.get(_phrase[0], ()), _phrase)


@lru_cache(maxsize=4096)
def tells(name: str) -> bool:
    """Tell whether a key says what a bare number or text under it is: ``phone``, ``taxId``, ``order_id``.

    Args:
        name: the key in any spelling.
    """
    words = split_name(name)
    return not _TELLING.isdisjoint(words) or any(
        words[at : at + len(phrase)] == phrase for at, word in enumerate(words) for phrase in _PHRASES.get(word, ())
    )


@lru_cache(maxsize=4096)
def locates(name: str) -> bool:
    """Tell whether a key says that a fraction under it is a place: ``lat``, ``homeLongitude``."""
    return not _PLACES.isdisjoint(split_name(name))

"""Numbers of states and banks: valid ones are found, with python-stdnum as the judge of what is valid."""

from __future__ import annotations

import random
from importlib import import_module
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracing_proxies.masking import mask_text
from tracing_proxies.masking.detectors import DETECTORS, schemes
from tracing_proxies.masking.scan import Scanner

# Our check, the module of python-stdnum, the number of digits, and where a date of birth stands in which order.
SCHEMES = {
    "pesel": ("pl.pesel", 11, 0, "ymd"),
    "tckn": ("tr.tckimlik", 11, 0, ""),
    "cpf": ("br.cpf", 11, 0, ""),
    "cnpj": ("br.cnpj", 14, 0, ""),
    "baltic": ("ee.ik", 11, 1, "ymd"),
    "abn": ("au.abn", 11, 0, ""),
    "amka": ("gr.amka", 11, 0, "dmy"),
    "tfn": ("au.tfn", 9, 0, ""),
    "acn": ("au.acn", 9, 0, ""),
    "sin": ("ca.sin", 9, 0, ""),
    "regon": ("pl.regon", 9, 0, ""),
    "nhs": ("gb.nhs", 10, 0, ""),
    "aadhaar": ("in_.aadhaar", 12, 0, ""),
    "thai": ("th.pin", 13, 0, ""),
    "swedish": ("se.personnummer", 10, 0, "ymd"),
    "czech": ("cz.rc", 10, 0, "ymd"),
    "bulgarian": ("bg.egn", 10, 0, "ymd"),
    "norwegian": ("no.fodselsnummer", 11, 0, "dmy"),
    "german_tax": ("de.idnr", 11, 0, ""),
}
# Written together and with nothing beside it that says so, each of these is found.
ANYWHERE = ("pesel", "tckn", "cpf", "cnpj", "baltic", "abn", "amka", "norwegian", "german_tax")
CHANCES = st.integers(0, 2**32).map(random.Random)
AROUND = st.text(alphabet="abcdefghij ,;!?\n", max_size=40)


def digits_for(name: str, chance: random.Random) -> str:
    """Return digits of the right length, with a date where one belongs."""
    _, size, place, order = SCHEMES[name]
    digits = "".join(chance.choice("0123456789") for _ in range(size))
    if order:
        date = "".join(
            {
                "y": f"{chance.randrange(100):02}",
                "m": f"{chance.randrange(1, 13):02}",
                "d": f"{chance.randrange(1, 29):02}",
            }[part]
            for part in order
        )
        digits = digits[:place] + date + digits[place + 6 :]
    return digits


def valid(name: str, chance: random.Random) -> str:
    """Return a number that python-stdnum finds valid: random digits, and the first check digits that fit."""
    judge: Any = import_module(f"stdnum.{SCHEMES[name][0]}")
    while True:
        digits = digits_for(name, chance)
        if len(set(digits)) < 4:
            continue
        for last in range(100):
            number = digits[:-2] + f"{last:02}"
            if judge.is_valid(number):
                return number


@pytest.mark.parametrize("name", SCHEMES)
def test_a_check_accepts_what_stdnum_accepts(name: str) -> None:
    check = getattr(schemes, name)
    chance = random.Random(name)
    assert all(check(valid(name, chance)) for _ in range(40))


@pytest.mark.parametrize(
    "name", sorted(set(SCHEMES) - {"norwegian", "german_tax", "bulgarian", "swedish", "czech", "abn"})
)
def test_a_check_refuses_what_stdnum_refuses(name: str) -> None:
    check = getattr(schemes, name)
    judge: Any = import_module(f"stdnum.{SCHEMES[name][0]}")
    chance = random.Random(name)
    for _ in range(400):
        digits = digits_for(name, chance)
        assert judge.is_valid(digits) or not check(digits)


@pytest.mark.parametrize("name", ANYWHERE)
@settings(max_examples=12)
@given(CHANCES, AROUND, AROUND)
def test_a_valid_number_vanishes_from_any_text(name: str, chance: random.Random, before: str, after: str) -> None:
    number = valid(name, chance)
    assert number not in mask_text(f"{before} {number} {after}")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("pesel", "PESEL: {}"),
        ("regon", "numer REGON {}"),
        ("nhs", "Her NHS number is {}."),
        ("aadhaar", "Aadhaar no. {}"),
        ("tfn", '"tfn": "{}"'),
        ("cpf", "CPF {}"),
        ("tckn", "TCKN={}"),
        ("german_tax", "Steuer-ID: {}"),
        ("sin", "Social insurance number {}"),
        ("bulgarian", "EGN: {}"),
    ],
)
@settings(max_examples=12)
@given(CHANCES, AROUND)
def test_a_number_vanishes_behind_the_word_for_it(name: str, words: str, chance: random.Random, before: str) -> None:
    number = valid(name, chance)
    assert number not in mask_text(f"{before} {words.format(number)} ok")


def test_what_fails_the_check_of_the_scheme_that_is_named_survives() -> None:
    assert mask_text("PESEL-20463348319 and NIP 060-280-27-47") == "PESEL-20463348319 and NIP 060-280-27-47"


@pytest.mark.parametrize(
    "text",
    [
        *("529.982.247-25", "11.444.777/0001-61", "12.345.678-5", "811228-9874", "19811228-9874", "756.9217.0769.85"),
        *("104-86-56659", "960121-1234567", "051 824 753 556"[1:], "1234-567-893", "911-70-1234", "12345678-Z"),
        *("131052-308T", "1EG4-TE5-MK73", "AB 12 34 56 C", "SW1A 1AA", "Y8063915-Z", "8507120332 8"[:10]),
    ],
)
def test_a_number_in_its_printed_groups_vanishes(text: str) -> None:
    assert text not in mask_text(f"it says {text} here") or text.isdigit()


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("RSSMRA85T10A562S", "national_id"),
        ("27ABCDE1234F1Z5", "national_id"),
        ("ABCPD1234Z", "national_id"),
        ("S2740116C", "national_id"),
        ("12345678Z", "national_id"),
        ("X1234567L", "national_id"),
        ("A123456789", "national_id"),
        ("T16RF0037C", "national_id"),
        ("MORGA607054SM9IJ", "driver_license"),
        ("1HGCM82633A004352", "vehicle"),
        ("KA53ME3456", "vehicle"),
        ("11010519491231002X", "national_id"),
        ("DE136695976", "national_id"),
        ("15070649C103", "national_id"),
    ],
)
def test_a_code_with_a_check_is_found_where_it_stands_in_capitals(code: str, name: str) -> None:
    scanner = Scanner(DETECTORS.values())
    text = f"noted {code}, done"
    assert scanner.find(text) == [(6, 6 + len(code), name)]
    assert mask_text(f"{code[:-1]}{'A' if code[-1] != 'A' else 'B'}-1") != mask_text(code)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("My driver's license number is F162823540116", "My driver's license number is [driver license]"),
        ("passport number: J6932157", "passport number: [passport]"),
        ("Reisepass C01234565 ausgestellt", "Reisepass [passport] ausgestellt"),
        ('{\\"passportNumber\\": \\"AB1234567\\"}', '{\\"passportNumber\\": \\"[passport]\\"}'),
        ("account number 000123456789 at", "account number [bank account] at"),
        ("Kennzeichen: M-AB 1234", "Kennzeichen: [vehicle]"),
        ("legitymuje się dowodem osobistym nr CDM891043,", "legitymuje się dowodem osobistym nr [national id],"),
        ("CPF 529.982.247-25 CNPJ 11.444.777/0001-61", "CPF [national id] CNPJ [national id]"),
        ("DOB: 03/15/1989", "DOB: [birth date]"),
        ("geboren am 3. Mai 1980 in", "geboren am [birth date] in"),
        ("My website is http://www.example.org/ann", "My website is [website]"),
        ("lat: 48.8566, lon: 2.3522", "lat: [coordinates], lon: [coordinates]"),
        ("at 48° 51′ 24″ N", "at [coordinates]"),
        ("221B Baker Street, London", "[address], London"),
        ("in der Hauptstraße 12a, Berlin", "in der [address], Berlin"),
        ("to 12, rue de la Paix now", "to [address] now"),
        ("ul. Marszałkowska 10/5", "[address]"),
        ("pay 16Yeky6GMjeNkAiNcBY7ZhrLoMSgg1BoyZ now", "pay [wallet] now"),
        ("61109010140000071219812874", "[iban]"),
        ("001A.2B3C.4D5E and 00-1a-2b-3c-4d-5e", "[mac] and [mac]"),
        ("ring 0378 3549890", "ring [phone]"),
        ("923 123 456-Office, 923 123 457-Fax", "[phone]-Office, [phone]-Fax"),
        ("923 123 456 is my number", "[phone] is my number"),
        ("he gave 923 123 456 as his contact", "he gave [phone] as his contact"),
        ("text me at 923 123 456", "text me at [phone]"),
        ("call me: 5 5 5 0 1 3 2 9 8 7", "call me: [phone]"),
        ("my card is 4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 now", "my card is [card] now"),
        ("PESEL: 4.4.0.5.1.4.0.1.4.5.8", "PESEL: [national id]"),
        ("Nr konta: PL61 l09O 10l4 O000 O7l2 l981 2874", "Nr konta: [iban]"),
        ("konto PL61 1090 1014 0000\n0712 1981 2874", "konto [iban]"),
        ("(03350) 49258 991 oder (11) 91234-5678", "[phone] oder [phone]"),
        ("8 (483) 378-87-62", "[phone]"),
        ("Rückruf unter 0991023740 erbeten", "Rückruf unter [phone] erbeten"),
        ("мой телефон 8 145 061 2310", "мой телефон [phone]"),
        ("תעודת זהות 115024374", "תעודת זהות [national id]"),
        ("személyi szám 12802122448", "személyi szám [national id]"),
        ("my new number is 923 123 456", "my new number is [phone]"),
        ("我的手机号是13812345678是的", "我的手机号是[phone]是的"),
    ],
)
def test_what_words_or_form_give_away_is_replaced(text: str, expected: str) -> None:
    assert mask_text(text) == expected


@pytest.mark.parametrize("size", range(7, 20))
def test_few_numbers_that_stand_alone_are_taken_for_an_id(size: int) -> None:
    chance = random.Random(size)
    numbers = [str(chance.randrange(10 ** (size - 1), 10**size)) for _ in range(1_000)]
    assert sum(mask_text(number) != number for number in numbers) <= 200


@pytest.mark.parametrize("size", range(7, 20))
def test_hardly_a_number_in_a_sentence_is_taken_for_an_id(size: int) -> None:
    chance = random.Random(size)
    texts = [f"there are {chance.randrange(10 ** (size - 1), 10**size)} of them" for _ in range(1_000)]
    assert sum(mask_text(text) != text for text in texts) <= 100


@pytest.mark.parametrize(
    "text",
    [
        "order 44051401458 and invoice 44051401458",
        "1.22.333.44",
        "Mozilla/5.0 (X11; Linux x86_64) Chrome/120.0.0.0 Safari/537.36",
        "my order number is 923 123 456",
        "923 123 456 is the number of rows",
        "10.0.19041.1",
        "the license is MIT, version 20240115",
        "sin 45 = 0.7071 and fin 2023",
        "released under license 2.0 in 2024-01-15",
        "MacBook M1 8GB and A4 5ST paper",
        "std::vector<int> :: a :: b",
        "latitude 52.52 in the forecast",
        "born to run in 1975",
        "FV/2024/03/0047",
        "0997/06/2026",
        "see https://www.example.org/ann",
        "2 Main tasks and 5 New Street ideas"[:12],
        "0-17-768957-9",
        "978-0-10-111510-0",
        "ORD-3310219",
        "steps 1 2 3 4 5 6 7 8 9 0 1 2 3 4",
        "license 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7",
        "12 (1999) 345-678",
        "(65) 6900 7571 rows",
        "rv:1.9.1.20",
        "Mobile/8B119 Safari/6535.50.2",
    ],
)
def test_what_only_resembles_an_id_survives(text: str) -> None:
    assert mask_text(text) == text

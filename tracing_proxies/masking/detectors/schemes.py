"""Numbers of states: what their digits have to satisfy, and how many numbers of that length do so by chance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tracing_proxies.masking.checks import is_date, luhn, mod11_10, verhoeff, weighted

Check = Callable[[str], bool]


def pesel(d: str) -> bool:
    """Poland: born yymmdd, the century in the month."""
    month = int(d[2:4]) % 20
    return (
        1 <= month <= 12
        and is_date("4", f"{month}", d[4:6])
        and weighted(d, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1), 10) == 0
    )


def tckn(d: str) -> bool:
    """Turkey: two check digits."""
    n = tuple(map(int, d))
    return n[0] > 0 and (7 * sum(n[0:9:2]) - sum(n[1:8:2])) % 10 == n[9] and sum(n[:10]) % 10 == n[10]


def cpf(d: str) -> bool:
    """Brazil, persons: two check digits."""
    return (
        len(set(d)) > 1
        and -weighted(d[:9], (10, 9, 8, 7, 6, 5, 4, 3, 2), 11) % 11 % 10 == int(d[9])
        and -weighted(d[:10], (11, 10, 9, 8, 7, 6, 5, 4, 3, 2), 11) % 11 % 10 == int(d[10])
    )


def cnpj(d: str) -> bool:
    """Brazil, companies: two check digits."""
    weights = (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)
    return (
        len(set(d)) > 1
        and -weighted(d[:12], weights[1:], 11) % 11 % 10 == int(d[12])
        and -weighted(d[:13], weights, 11) % 11 % 10 == int(d[13])
    )


def german_tax(d: str) -> bool:
    """Germany: of the first ten digits one may stand twice or thrice; ISO 7064 by 11 and 10."""
    head = d[:10]
    most = {10: 1, 9: 2, 8: 3}.get(len(set(head)), 0)
    return d[0] != "0" and any(head.count(digit) == most for digit in set(head)) and mod11_10(d)


def norwegian(d: str) -> bool:
    """Norway: born ddmmyy, two check digits."""
    return (
        is_date("4", f"{int(d[2:4]) % 40}", f"{int(d[:2]) % 40}")
        and weighted(d, (3, 7, 6, 1, 8, 9, 4, 5, 2, 1), 11) == 0
        and weighted(d, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1), 11) == 0
    )


def belgian(d: str) -> bool:
    """Belgium: born yymmdd, remainder by 97, with a 2 before it for those born since 2000."""
    check = 97 - int(d[9:])
    return is_date("4", f"{int(d[2:4]) % 20}", d[4:6]) and (int(d[:9]) % 97 == check or int("2" + d[:9]) % 97 == check)


def baltic(d: str) -> bool:
    """Estonia and Lithuania: century and sex, born yymmdd, two stages of weights."""
    if d[0] in "09" or not is_date("4", d[3:5], d[5:7]):
        return False
    check = weighted(d[:10], (1, 2, 3, 4, 5, 6, 7, 8, 9, 1), 11)
    if check == 10:
        check = weighted(d[:10], (3, 4, 5, 6, 7, 8, 9, 1, 2, 3), 11) % 10
    return check == int(d[10])


def abn(d: str) -> bool:
    """Australia, businesses: remainder by 89."""
    return d[0] != "0" and weighted(f"{int(d[0]) - 1}{d[1:]}", (10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19), 89) == 0


def cuit(d: str) -> bool:
    """Argentina: kind and check digit."""
    return d[:2] in ("20", "23", "24", "27", "30", "33", "34") and -weighted(
        d[:10], (5, 4, 3, 2, 7, 6, 5, 4, 3, 2), 11
    ) % 11 == int(d[10])


def amka(d: str) -> bool:
    """Greece: born ddmmyy, Luhn."""
    return is_date("4", d[2:4], d[:2]) and luhn(d)


def south_african(d: str) -> bool:
    """South Africa: born yymmdd, citizenship, Luhn."""
    return is_date(d[:2], d[2:4], d[4:6]) and d[10] in "012" and luhn(d)


def romanian(d: str) -> bool:
    """Romania: century and sex, born yymmdd, county, weights."""
    check = weighted(d[:12], (2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9), 11)
    return (
        d[0] != "0"
        and is_date("4", d[3:5], d[5:7])
        and ("01" <= d[7:9] <= "52" or d[7:9] in ("70", "80", "81", "82", "83"))
        and (1 if check == 10 else check) == int(d[12])
    )


def yugoslav(d: str) -> bool:
    """Bosnia, Montenegro, North Macedonia, Serbia and Slovenia: born ddmmyyy, weights."""
    return (
        d[4] in "90"
        and is_date("4", d[2:4], d[:2])
        and -weighted(d[:12], (7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2), 11) % 11 % 10 == int(d[12])
    )


def korean(d: str) -> bool:
    """South Korea: born yymmdd, century and sex; numbers given since 2020 have no check digit."""
    return is_date("4", d[2:4], d[4:6]) and d[6] in "12345678"


def korean_checked(d: str) -> bool:
    """South Korea, as issued until 2020."""
    return korean(d) and (11 - weighted(d[:12], (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5), 11)) % 10 == int(d[12])


def french(d: str) -> bool:
    """France: sex, year and month of birth, remainder by 97."""
    return d[0] in "1278" and d[3:5] < "43" and d[3:5] != "00" and 97 - int(d[:13]) % 97 == int(d[13:])


def swiss(d: str) -> bool:
    """Switzerland: 756, and the check digit of an article number."""
    return d.startswith("756") and weighted(d, (1, 3) * 6 + (1,), 10) == 0


def swedish(d: str) -> bool:
    """Sweden: born yymmdd, or 60 more for a coordination number, Luhn."""
    return is_date("4", d[2:4], f"{int(d[4:6]) % 60}") and luhn(d)


def danish(d: str) -> bool:
    """Denmark: born ddmmyy; numbers given since 2007 have no check digit."""
    return is_date("4", d[2:4], d[:2])


def czech(d: str) -> bool:
    """Czechia and Slovakia: born yymmdd, 50 more in the month for women, remainder by 11."""
    return is_date("4", f"{int(d[2:4]) % 50 % 20}", d[4:6]) and (
        int(d) % 11 == 0 or (int(d[:9]) % 11 == 10 and d[9] == "0")
    )


def bulgarian(d: str) -> bool:
    """Bulgaria: born yymmdd, the century in the month, weights."""
    return is_date("4", f"{int(d[2:4]) % 20}", d[4:6]) and weighted(
        d[:9], (2, 4, 8, 5, 10, 9, 7, 3, 6), 11
    ) % 10 == int(d[9])


def npi(d: str) -> bool:
    """United States, health care providers: Luhn behind the issuer 80840."""
    return d[0] in "12" and len(set(d)) > 2 and luhn("80840" + d)


def aba(d: str) -> bool:
    """United States, bank routing: the Federal Reserve's districts, weights."""
    return (
        (d[:2] <= "12" or "21" <= d[:2] <= "32" or "61" <= d[:2] <= "72" or d[:2] == "80")
        and len(set(d)) > 1
        and weighted(d, (3, 7, 1, 3, 7, 1, 3, 7, 1), 10) == 0
    )


def tfn(d: str) -> bool:
    """Australia, taxes: weights."""
    return len(set(d)) > 2 and weighted(d, (1, 4, 3, 7, 5, 8, 6, 9, 10), 11) == 0


def medicare(d: str) -> bool:
    """Australia, health: weights over the first eight digits."""
    return d[0] in "23456" and weighted(d[:8], (1, 3, 7, 9, 1, 3, 7, 9), 10) == int(d[8]) and d[9] != "0"


def sin(d: str) -> bool:
    """Canada: Luhn."""
    return d[0] not in "08" and len(set(d)) > 2 and luhn(d)


def acn(d: str) -> bool:
    """Australia, companies: weights."""
    return len(set(d)) > 2 and -weighted(d[:8], (8, 7, 6, 5, 4, 3, 2, 1), 10) % 10 == int(d[8])


def swedish_business(d: str) -> bool:
    """Sweden, businesses: no month in the third and fourth digits, Luhn."""
    return d[2] >= "2" and luhn(d)


def german_vat(d: str) -> bool:
    """Germany, value added tax: ISO 7064 by 11 and 10."""
    return d[0] != "0" and mod11_10(d)


def regon(d: str) -> bool:
    """Poland, businesses: weights."""
    return len(set(d)) > 2 and weighted(d[:8], (8, 9, 2, 3, 4, 5, 6, 7), 11) % 10 == int(d[8])


def nip(d: str) -> bool:
    """Poland, taxes: weights."""
    return d[0] != "0" and weighted(d[:9], (6, 5, 7, 2, 3, 4, 5, 6, 7), 11) == int(d[9])


def korean_business(d: str) -> bool:
    """South Korea, businesses: weights, the last with its carry."""
    total = weighted(d, (1, 3, 7, 1, 3, 7, 1, 3, 5), 1000) + int(d[8]) * 5 // 10
    return d[0] != "0" and d[3:5] != "00" and -total % 10 == int(d[9])


def nhs(d: str) -> bool:
    """England and Wales, health: weights."""
    return len(set(d)) > 2 and weighted(d, (10, 9, 8, 7, 6, 5, 4, 3, 2, 1), 11) == 0


def aadhaar(d: str) -> bool:
    """India: Verhoeff."""
    return d[0] in "23456789" and d != d[::-1] and verhoeff(d)


def thai(d: str) -> bool:
    """Thailand: weights."""
    return d[0] in "12345678" and (11 - weighted(d[:12], (13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2), 11)) % 10 == int(
        d[12]
    )


def chinese(d: str) -> bool:
    """China: region, born yyyymmdd, remainder by 11; an X at the end stands for ten."""
    return (
        d[6:8] in ("19", "20")
        and d[0] in "12345678"
        and is_date(d[8:10], d[10:12], d[12:14])
        and "10X98765432"[weighted(d[:17], (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2), 11)] == d[17]
    )


def malaysian(d: str) -> bool:
    """Malaysia: born yymmdd, place of birth."""
    return is_date(d[:2], d[2:4], d[4:6]) and d[6:8] != "00"


def rut(d: str) -> bool:
    """Chile: remainder by 11."""
    return d[-1] == "0123456789K0"[-sum((i % 6 + 2) * int(c) for i, c in enumerate(reversed(d[:-1]))) % 11]


def latvian(d: str) -> bool:
    """Latvia: born ddmmyy and century."""
    return is_date("4", d[2:4], d[:2]) and d[6] in "012"


def itin(d: str) -> bool:
    """United States, tax payers without a social security number."""
    return d[0] == "9" and (
        "50" <= d[3:5] <= "65" or "70" <= d[3:5] <= "88" or ("90" <= d[3:5] <= "99" and d[3:5] != "93")
    )


# A number written together is one of these by its digits alone; together they take less than a tenth of all numbers
# of a length.
PLAIN: Final[dict[int, tuple[Check, ...]]] = {
    11: (pesel, german_tax, tckn, cpf, norwegian, belgian, baltic, abn, cuit, amka),
    13: (south_african, romanian, yugoslav, swiss, korean_checked),
    14: (cnpj,),
    15: (french,),
    18: (chinese,),
}

# A number in the groups in which it is printed, with the marks between them: together a form that little else has.
GROUPED: Final[dict[tuple[int, ...], tuple[tuple[str, Check], ...]]] = {
    (6, 4): (("-", swedish), ("-", swedish_business), ("+", swedish), ("/", czech), ("-", danish)),
    (8, 4): (("-", lambda d: swedish(d[2:])),),
    (3, 2, 5): (("--", korean_business),),
    (3, 3, 2, 2): (("---", nip),),
    (3, 2, 2, 3): (("---", nip),),
    (3, 3, 3): (("--", regon), ("--", sin), ("--", tfn)),
    (2, 3, 3, 3): (("   ", abn),),
    (4, 3, 3): (("--", npi), ("  ", npi)),
    (4, 4, 4): (("  ", aadhaar), ("--", aadhaar)),
    (4, 5, 1): (("  ", medicare), ("--", medicare)),
    (3, 3, 3, 2): (("..-", cpf), ("---", cpf), ("  -", cpf), ("   ", cpf)),
    (3, 4, 4, 2): (("...", swiss), ("   ", swiss)),
    (2, 3, 3, 4, 2): (("../-", cnpj),),
    (6, 7): (("-", korean),),
    (6, 2, 4): (("--", malaysian),),
    (1, 4, 5, 2, 1): (("----", thai), ("    ", thai)),
    (2, 8, 1): (("--", cuit),),
    (1, 2, 2, 2, 3, 3, 2): (("      ", french),),
    (4, 4, 1): (("--", aba),),
    (3, 2, 4): (("--", itin), ("  ", itin)),
    (2, 3, 3, 1): (("..-", rut),),
    (1, 3, 3, 1): (("..-", rut),),
    (2, 2, 2, 3, 2): (("..-.", belgian),),
    (6, 5): (("-", latvian), (" ", norwegian)),
}

# Likewise, and printed in groups.
ALONE_IN_GROUPS: Final[dict[int, tuple[Check, ...]]] = {9: (sin, acn, regon), 10: (nhs, nip, korean_business)}

# A text that is nothing but such a number is one, though one in ten numbers of that length would pass.
ALONE: Final[dict[int, tuple[Check, ...]]] = {
    9: (aba, tfn),
    10: (npi, medicare, bulgarian, swedish, czech),
    11: PLAIN[11],
    12: (aadhaar,),
    13: (*PLAIN[13], thai),
    14: PLAIN[14],
    15: PLAIN[15],
    18: PLAIN[18],
}

"""One-time codes against the vectors of RFC 4226 (appendix D) and RFC 6238 (appendix B)."""

from urllib.parse import parse_qs, urlsplit

import pytest

from crypto_exchange.domain import totp

SECRET = b"12345678901234567890"
SECOND_US = 1_000_000


def test_counters_give_the_codes_of_rfc_4226() -> None:
    codes = [totp.hotp(SECRET, counter) for counter in range(10)]

    assert codes == [
        "755224",
        "287082",
        "359152",
        "969429",
        "338314",
        "254676",
        "287922",
        "162583",
        "399871",
        "520489",
    ]


@pytest.mark.parametrize(
    ("at_s", "eight_digits"),
    [
        (59, "94287082"),
        (1_111_111_109, "07081804"),
        (1_111_111_111, "14050471"),
        (1_234_567_890, "89005924"),
        (2_000_000_000, "69279037"),
        (20_000_000_000, "65353130"),
    ],
)
def test_times_give_the_last_six_digits_of_rfc_6238(at_s: int, eight_digits: str) -> None:
    assert totp.hotp(SECRET, totp.step_at(at_s * SECOND_US)) == eight_digits[-6:]


def test_a_code_is_good_one_step_early_and_one_step_late_but_no_more() -> None:
    code = totp.hotp(SECRET, 100)

    found = [totp.find_step(SECRET, code, step * 30 * SECOND_US) for step in range(97, 104)]

    assert found == [None, None, 100, 100, 100, None, None]


def test_the_first_step_has_none_before_it() -> None:
    assert totp.find_step(SECRET, totp.hotp(SECRET, 0), 0) == 0


def test_of_two_steps_with_the_same_code_the_later_counts() -> None:
    step = next(n for n in range(10**7) if totp.hotp(b"s", n) == totp.hotp(b"s", n + 1))

    assert totp.find_step(b"s", totp.hotp(b"s", step), step * 30 * SECOND_US) == step + 1


def test_an_address_for_authenticators_says_everything_that_a_code_depends_on() -> None:
    uri = urlsplit(totp.key_uri(SECRET, "a@b.c"))

    assert (uri.scheme, uri.netloc, uri.path) == ("otpauth", "totp", "/crypto_exchange:a%40b.c")
    assert parse_qs(uri.query) == {
        "secret": ["GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"],
        "issuer": ["crypto_exchange"],
        "algorithm": ["SHA1"],
        "digits": ["6"],
        "period": ["30"],
    }
    assert totp.secret_text(SECRET) == "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    assert len(SECRET) == totp.SECRET_BYTES

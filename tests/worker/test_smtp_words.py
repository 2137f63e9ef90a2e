"""What is kept of a mail server's words: what went wrong, and neither the login nor whom the mail was for."""

from __future__ import annotations

import smtplib
from base64 import b64encode
from urllib.parse import urlsplit

import pytest

from worker.smtp_words import reason

WHERE = urlsplit("smtp://Studio:Sesame@mail.example.com")


def test_of_a_login_nothing_is_told_but_the_code() -> None:
    echo = b64encode(b"\0Studio\0Sesame")

    said = reason(smtplib.SMTPAuthenticationError(535, b"5.7.8 cannot decode " + echo), "AUTH", WHERE)
    other = reason(smtplib.SMTPResponseException(501, echo), "AUTH", WHERE)

    assert said == "535 at AUTH (the login is refused: mend user and password in SMTP_URL)"
    assert other.startswith("501 at AUTH (")


def test_a_login_that_cannot_be_written_is_not_quoted() -> None:
    with pytest.raises(UnicodeEncodeError) as raised:
        "sésame".encode("ascii")

    said = reason(raised.value, "AUTH", WHERE)

    assert said == "the mail server cannot be used at AUTH: what SMTP_URL says is not ASCII"


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("no mailbox ADA.LOVELACE here", "no mailbox [hidden] here"),
        ("no Bo in boxes, BO", "no [hidden] in boxes, [hidden]"),
        ("studio has wrong SESAME", "[hidden] has wrong [hidden]"),
    ],
)
def test_names_and_login_are_hidden_however_they_are_written(answer: str, told: str) -> None:
    error = smtplib.SMTPDataError(550, answer.encode())

    said = reason(error, "DATA", WHERE, "Bo <ada.lovelace@example.com>")

    assert said == f"550 at DATA: {told}"

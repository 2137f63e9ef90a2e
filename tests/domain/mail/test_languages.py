"""Every sentence is there in every language, with what is filled into it."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter
from typing import Any

import pytest
import yaml
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from jinja2 import Environment

from cli.demo import DEMO
from domain.catalog import file as catalog_file
from domain.errors import InvalidCatalog
from domain.mail.voice import FOLDER, SOURCE, Voice, languages
from tests.studio import Studio
from tests.test_house import ROOT

WHERE = [("domain/mail/**.py", "python"), ("worker/templates/**.jinja", "jinja2.ext:babel_extract")]
# The words that say something, and which of their arguments do.
SAYING: dict[str, Any] = {"say": None, "plural": (1, 2), "msgid": None, "msgids": (1, 2)}
OTHERS = [language for language in languages() if language != SOURCE]


def sentences() -> set[str | tuple[str, ...]]:
    """Return all that code and templates say; what is about one or several in both its forms."""
    return {found[2] for found in extract_from_dir(ROOT, method_map=WHERE, keywords=SAYING)}


def catalog(language: str) -> Catalog:
    with (FOLDER / f"{language}.po").open("rb") as file:
        return read_po(file, locale=language, abort_invalid=True)


def places(sentence: str) -> set[str | None]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name is not None}


def forms(said: Any) -> tuple[str, ...]:
    return (said,) if isinstance(said, str) else tuple(said)


def test_the_sentences_of_code_and_templates_are_found() -> None:
    found = sentences()

    assert {"You are booked", "Hello {name},", "{heading}, {name}", "d MMMM y"} <= found
    assert ("{number} group credit", "{number} group credits") in found
    assert len(found) > 130


@pytest.mark.parametrize("language", OTHERS)
def test_a_language_has_every_sentence_and_no_other(language: str) -> None:
    file = catalog(language)

    known = {message.id for message in file if message.id}

    assert known == sentences()
    assert not file.obsolete
    assert not [message.id for message in file if message.id and message.fuzzy]


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_says_something_and_fills_the_same_places(language: str) -> None:
    file = catalog(language)

    for message in file:
        if message.id:
            said = forms(message.string)
            assert len(said) == (file.num_plurals if message.pluralizable else 1), message.id
            assert all(said), message.id
            wanted = {*map(frozenset, map(places, forms(message.id)))}
            assert {*map(frozenset, map(places, said))} == wanted, message.id


@pytest.mark.parametrize("language", OTHERS)
def test_a_file_is_read_by_its_name_and_forms_its_plurals_as_everybody_does(language: str) -> None:
    file = catalog(language)

    assert str(file.locale) == language
    assert file.num_plurals == Catalog(locale=language).num_plurals
    assert Voice(language, "UTC").say("You are booked") != "You are booked"


def test_nothing_is_said_to_a_person_but_by_a_sentence() -> None:
    environment = Environment(autoescape=True)

    for template in (ROOT / "worker" / "templates").glob("letter.*.jinja"):
        text = re.sub(
            r"<style>.*</style>|<!--.*?-->|<!doctype html>|<[^>]+>|&\w+;", "", template.read_text(), flags=re.DOTALL
        )
        shown = [token[2] for token in environment.lex(text) if token[1] == "data"]
        assert not re.search(r"\w", "".join(shown)), template.name


def test_what_paid_and_how_many_is_said_in_the_number_that_fits() -> None:
    voice = Voice("tr", "UTC")

    assert voice.plural("{number} group credit", "{number} group credits", 2) == "2 grup kredisi"
    assert Voice("en", "UTC").plural("{number} group credit", "{number} group credits", 1) == "1 group credit"


def document(language: str) -> dict[str, Any]:
    said = yaml.safe_load(DEMO.read_text())
    return {"organizations": [said["organizations"][0] | {"language": language}]}


def test_a_catalog_says_in_which_language_mails_are(studio: Studio) -> None:
    before = studio.one("SELECT language FROM organizations WHERE slug = 'lumen'")["language"]

    studio.apply(document("tr"))

    assert (before, studio.one("SELECT language FROM organizations WHERE slug = 'lumen'")["language"]) == ("en", "tr")


@pytest.mark.parametrize("language", ["xx", "TR", "", "../tr"])
def test_a_language_that_is_no_file_is_refused_with_those_that_are(language: str) -> None:
    with pytest.raises(InvalidCatalog, match=re.escape("organizations.0.language") + ".*there are en, tr"):
        catalog_file.check(document(language))


def test_every_file_of_a_language_is_packed() -> None:
    assert {path.suffix for path in Path(FOLDER).iterdir()} == {".po"}

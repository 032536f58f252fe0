"""What a line of the log may hold, whatever somebody gives it."""

import contextlib
import json
import logging
import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from crypto_exchange.entrypoints.cli import log_lines
from crypto_exchange.entrypoints.cli.log_lines import LOG_FIELDS, JsonLines, TextLines
from crypto_exchange.settings import Settings

ALWAYS = {"time", "level", "logger", "message", "request_id"}


@contextlib.contextmanager
def a_new_process(**settings: str) -> Iterator[None]:
    """Logging as it begins, set up; afterwards as it was."""
    root = logging.getLogger()
    before = root.level, sys.excepthook, list(root.handlers)
    root.handlers.clear()
    try:
        log_lines.log_to_stderr(Settings.from_env(settings))
        yield
    finally:
        root.level, sys.excepthook, root.handlers[:] = before
        root.setLevel(root.level)  # so that loggers forget what they are not to log


def record(message: str, *args: object, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("a.logger", logging.WARNING, __file__, 1, message, args, None)
    vars(made).update(extra)
    return made


def told(line: logging.LogRecord, request_id: str | None = "r-1") -> Any:
    text = JsonLines(lambda: request_id).format(line)
    assert "\n" not in text
    assert text.isascii()
    return json.loads(text)


def fail(password: str) -> None:
    inner = password[::-1]
    raise ValueError("expected 3 characters" if inner else "")


def faulty(password: str) -> logging.LogRecord:
    line = record("fault")
    try:
        try:
            fail(password)
        except ValueError as error:
            raise RuntimeError("the sentence") from error
    except RuntimeError:
        line.exc_info = sys.exc_info()
    return line


def test_a_line_is_one_object_with_time_level_logger_message_and_request() -> None:
    line = told(record("%s of %s", 1, "two"))

    assert line.keys() == ALWAYS
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line["time"])
    assert [line[name] for name in ("level", "logger", "message", "request_id")] == [
        "warning",
        "a.logger",
        "1 of two",
        "r-1",
    ]


def test_what_is_not_on_the_list_is_left_out() -> None:
    extra = dict.fromkeys(LOG_FIELDS, 7) | {"password": "x", "token": "y", "stack": "z"}

    line = told(record("m", **extra))

    assert line.keys() == ALWAYS | set(LOG_FIELDS)


def test_a_fault_is_told_by_type_sentence_and_places_without_values() -> None:
    line = told(faulty("hunter2 battery"))

    outer, inner = line["fault"]
    assert (outer["type"], outer["sentence"]) == ("builtins.RuntimeError", "the sentence")
    assert (inner["type"], inner["sentence"]) == ("builtins.ValueError", "expected 3 characters")
    assert [frame.rpartition(" ")[2] for frame in inner["frames"]] == ["faulty", "fail"]
    assert "hunter2" not in json.dumps(line)


@pytest.mark.parametrize("message", ["a\nb\r\u2028c", "lone \udc80", "\x00\x1b[31m"])
def test_no_message_forges_a_line_or_cannot_be_written(message: str) -> None:
    assert told(record("%s", message))["message"] == message


def test_what_json_has_no_word_for_is_written_as_text() -> None:
    assert told(record("m", user_id=JsonLines))["user_id"] == str(JsonLines)


def test_for_people_it_is_a_line_of_text() -> None:
    text = TextLines().format(record("message", password="x"))

    assert re.fullmatch(r"[\d-]{10}T[\d:]{8}\.\d{3}Z WARNING a\.logger message", text)


@pytest.mark.parametrize("format_", ["text", "json"])
def test_logging_is_as_the_settings_say_and_libraries_keep_quiet(
    format_: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with a_new_process(LOG_FORMAT=format_, LOGLEVEL="info"):
        for name in ("httpx", "anything"):
            logging.getLogger(name).info("told by %s", name)
        logging.getLogger("anything").debug("not told")

    (line,) = capsys.readouterr().err.splitlines()
    assert "told by anything" in line
    assert line.startswith("{") == (format_ == "json")


def test_a_process_that_ends_by_a_fault_says_so_in_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, error, trace = faulty("hunter2 battery").exc_info or (None, None, None)
    assert error is not None

    with a_new_process(LOG_FORMAT="json"):
        sys.excepthook(type(error), error, trace)

    line = json.loads(capsys.readouterr().err)
    assert (line["level"], line["fault"][0]["sentence"]) == ("critical", "the sentence")

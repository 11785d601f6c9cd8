"""Reading replies strictly: a worker of another version, or a broken one, is not believed."""

from __future__ import annotations

from typing import TypeVar

from bench.files.decode_fields import DecodeError, decode
from bench.files.parse_json import UnreadableError, parse
from bench.protocol import ANSWERS, Failure, Request
from bench.record.run import Outcome

R = TypeVar("R")


def decode_reply(request: Request[R], line: bytes) -> R | Failure:
    """Return the reply to a request; one that cannot be is the failure of whatever was asked about, not of the run."""
    try:
        match parse(line, "its line"):
            case {"failure": fields}:
                return decode(Failure, fields)
            case {"answer": fields}:
                answer: R = decode(ANSWERS[type(request)], fields)
                return answer
        reason = "it is neither an answer nor a failure"
    except DecodeError as error:
        reason = str(error)
    except UnreadableError:
        reason = "it is no JSON"
    return Failure(outcome=Outcome.FAILED, reason=f"the worker answered with an impossible figure: {reason}")

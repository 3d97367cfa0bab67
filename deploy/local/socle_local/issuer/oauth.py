"""The words of OAuth 2.0 that every endpoint shares: its errors and its parameters."""

from collections.abc import Iterable


class OAuthError(Exception):
    """A refusal in the terms of RFC 6749: `error` is its registered code, the message says what to do."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.status = status


class Params(dict[str, str]):
    """The parameters of one request, each given once."""

    def need(self, name: str) -> str:
        """The value of a compulsory parameter; raises OAuthError when it is missing or empty."""
        value = self.get(name, "")
        if not value:
            raise OAuthError("invalid_request", f"The parameter {name} is missing.")
        return value


def once(pairs: Iterable[tuple[str, object]]) -> Params:
    """The parameters as a mapping. RFC 6749 section 3.1 forbids repeats: which one would count?"""
    params = Params()
    for name, value in pairs:
        if not isinstance(value, str):
            raise OAuthError("invalid_request", f"The parameter {name} must be text, not a file.")
        if name in params:
            raise OAuthError("invalid_request", f"The parameter {name} is given twice.")
        params[name] = value
    return params

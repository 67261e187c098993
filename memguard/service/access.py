"""Who may ask, and how often."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, HTTPException, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from memguard.service.keys import Keys, Role

BEARER = HTTPBearer(auto_error=False, description="A key made by `memguard keys add`.")
Given = Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)]


class Access:
    """Lets requests with the right key in.

    Args:
        keys: None lets anybody in.
        requests_per_minute: of one key; None for any number.
    """

    def __init__(self, keys: Keys | None, requests_per_minute: int | None) -> None:
        self._keys = keys
        self._rate = (
            None if requests_per_minute is None else RateLimitItemPerMinute(requests_per_minute)
        )
        self._rates = MovingWindowRateLimiter(MemoryStorage())

    def may(self, role: Role) -> Any:
        """A dependency of routes: the request has a key with this role."""

        def allowed(given: Given) -> None:
            self._require(role, given)

        return Depends(allowed)

    def _require(self, role: Role, given: HTTPAuthorizationCredentials | None) -> None:
        if self._keys is None:
            return
        key = None if given is None else self._keys.find(given.credentials)
        if key is None:
            headers = {"WWW-Authenticate": "Bearer"}
            raise HTTPException(401, "this needs an API key: Authorization: Bearer KEY", headers)
        if not key.may(role):
            raise HTTPException(403, f"this needs a key with the role {role!r}")
        if self._rate is not None and not self._rates.hit(self._rate, key.name):
            raise HTTPException(
                429, f"more than {self._rate.amount} requests a minute", {"Retry-After": "60"}
            )

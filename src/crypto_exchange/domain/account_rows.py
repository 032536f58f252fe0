"""Account rows: users, and what belongs to their ways in, in dicts; a part of `State`."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from crypto_exchange.domain.activity import Signals
from crypto_exchange.domain.adjustment import Adjustment
from crypto_exchange.domain.api_key import ApiKey, KeyUse
from crypto_exchange.domain.audit_chain import Link
from crypto_exchange.domain.audit_log import LoggedEntry
from crypto_exchange.domain.change import Change, Erasure
from crypto_exchange.domain.errors import NotFound, UsernameTaken
from crypto_exchange.domain.ids import UserId
from crypto_exchange.domain.review import Review, ReviewState, is_live
from crypto_exchange.domain.second_factor import SecondFactor
from crypto_exchange.domain.user import Session, User


class AccountRows:
    """Rows of accounts; `names` is the directory of usernames in lower case."""

    def __init__(self) -> None:
        self.users: dict[UserId, User] = {}
        self.names: dict[str, UserId] = {}
        self.sessions: dict[tuple[UserId, str], Session] = {}
        self.factors: dict[UserId, SecondFactor] = {}
        self.keys: dict[tuple[UserId, str], ApiKey] = {}
        self.signals: dict[UserId, Signals] = {}
        self.audit: list[LoggedEntry] = []
        self.links: list[Link] = []
        self.adjustments: dict[str, Adjustment] = {}
        self.reviews: dict[tuple[UserId, str], Review] = {}

    def get_user(self, user_id: UserId) -> User:
        """Raises `NotFound`."""
        if user_id not in self.users:
            raise NotFound("user", user_id)
        return self.users[user_id]

    def find_user(self, username: str) -> User | None:
        """By name, without case."""
        user_id = self.names.get(username.lower())
        return None if user_id is None else self.users[user_id]

    def get_adjustment(self, key: str) -> Adjustment:
        """Raises `NotFound`."""
        if key not in self.adjustments:
            raise NotFound("adjustment", key)
        return self.adjustments[key]

    def get_review(self, user_id: UserId, review_id: str) -> Review:
        """Raises `NotFound`, also for another user's."""
        if (user_id, review_id) not in self.reviews:
            raise NotFound("review", review_id)
        return self.reviews[user_id, review_id]

    def list_live_reviews(self, user_id: UserId) -> tuple[Review, ...]:
        """Open ones and released withdrawals, newest first, at most 100."""
        own = [
            review
            for review in self.reviews.values()
            if review.user_id == user_id and is_live(review)
        ]
        own.sort(key=lambda review: (review.opened_at_us, review.id), reverse=True)
        return tuple(own[:100])

    def list_sessions(self, user_id: UserId) -> tuple[Session, ...]:
        """Those that nobody has ended, by (created_at, id)."""
        own = (s for s in self.sessions.values() if s.user_id == user_id and not s.revoked)
        return tuple(sorted(own, key=lambda session: (session.created_at_us, session.id)))

    def list_keys(self, user_id: UserId) -> tuple[ApiKey, ...]:
        """Those that nobody has ended, by (created_at, id)."""
        own = (k for k in self.keys.values() if k.user_id == user_id and not k.ended_at_us)
        return tuple(sorted(own, key=lambda key: (key.created_at_us, key.id)))

    def _require_new_names(self, change: Change) -> None:
        for user in change.users:
            if user.username.lower() in self.names:
                raise UsernameTaken(user.username)

    def _compared_accounts(self, change: Change) -> Iterator[tuple[object, object]]:
        """Each row that is compared whole: as it was loaded (None for a new one), and as it is."""
        yield from ((m.before, self.users.get(m.before.id)) for m in change.moved_users)
        yield from ((m.before, self.factors.get(m.before.user_id)) for m in change.factors)
        yield from ((None, self.factors.get(f.user_id)) for f in change.new_factors)
        yield from ((m.before, self.adjustments.get(m.before.key)) for m in change.adjustments)
        yield from ((None, self.adjustments.get(a.key)) for a in change.new_adjustments)
        for session in (m.before for m in change.sessions):
            yield session, self.sessions.get((session.user_id, session.id))
        yield from ((None, self.sessions.get((s.user_id, s.id))) for s in change.new_sessions)
        for key in (m.before for m in change.keys):
            yield key, self.keys.get((key.user_id, key.id))
        yield from ((None, self.keys.get((k.user_id, k.id))) for k in change.new_keys)
        yield from ((None, self._find_link(link)) for link in change.links)
        for review in (m.before for m in change.reviews):
            yield review, self.reviews.get((review.user_id, review.id))
        yield from ((None, self._find_open_review(r)) for r in change.new_reviews)

    def _write_accounts(self, change: Change) -> None:
        self.users |= {user.id: user for user in change.users}
        self.names |= {user.username.lower(): user.id for user in change.users}
        self.users |= {m.after.id: m.after for m in change.moved_users}
        self.sessions |= {(s.user_id, s.id): s for s in change.new_sessions}
        self.sessions |= {(m.after.user_id, m.after.id): m.after for m in change.sessions}
        for session in change.forgotten:
            self.sessions.pop((session.user_id, session.id), None)
        for key in change.forgotten_keys:
            self.keys.pop((key.user_id, key.id), None)
        self.factors |= {f.user_id: f for f in change.new_factors}
        self.factors |= {m.after.user_id: m.after for m in change.factors}
        self.keys |= {(k.user_id, k.id): k for k in change.new_keys}
        self.keys |= {(m.after.user_id, m.after.id): m.after for m in change.keys}
        for use in change.key_uses:
            self._note_use(use)
        self.adjustments |= {a.key: a for a in change.new_adjustments}
        self.adjustments |= {m.after.key: m.after for m in change.adjustments}
        self.reviews |= {(r.user_id, r.id): r for r in change.new_reviews}
        self.reviews |= {(m.after.user_id, m.after.id): m.after for m in change.reviews}
        if change.erased is not None:
            self._erase(change.erased)
        self.links.extend(change.links)
        for number, entry in enumerate(change.audit, start=len(self.audit) + 1):
            self.audit.append(LoggedEntry(**msgspec.structs.asdict(entry), id=number))

    def _find_open_review(self, like: Review) -> Review | None:
        """One of the same id, or of the same of the user's."""
        subject = like.kind, like.order_id, like.amount
        for review in self.reviews.values():
            same = (review.kind, review.order_id, review.amount) == subject
            taken = review.id == like.id or (same and review.state is ReviewState.OPEN)
            if review.user_id == like.user_id and taken:
                return review
        return None

    def _find_link(self, like: Link) -> Link | None:
        """One at the same position, or of the same entry."""
        for link in self.links:
            if link.position == like.position or link.entry_id == like.entry_id:
                return link
        return None

    def _erase(self, erasure: Erasure) -> None:
        user_id, ended_at_us = erasure.user.id, max(erasure.at_us, 1)
        self.names.pop(erasure.user.username.lower(), None)
        self.signals.pop(user_id, None)
        for place, session in self.sessions.items():
            if session.user_id == user_id:
                at_us = session.ended_at_us or ended_at_us
                self.sessions[place] = msgspec.structs.replace(
                    session, ended_at_us=at_us, device="", address="", retry=""
                )
        for place, key in self.keys.items():
            if key.user_id == user_id:
                at_us = key.ended_at_us or ended_at_us
                self.keys[place] = msgspec.structs.replace(
                    key, ended_at_us=at_us, name="", digest=""
                )

    def _note_use(self, use: KeyUse) -> None:
        key = self.keys.get((use.user_id, use.id))
        if key is not None and key.used_at_us < use.at_us:
            self.keys[use.user_id, use.id] = msgspec.structs.replace(key, used_at_us=use.at_us)

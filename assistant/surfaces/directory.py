"""The directory of people and programs: whose key is it, and what may they do. Asked for every request."""

from __future__ import annotations

import hashlib
import secrets

from sqlalchemy import select, update

from domain.errors import AskAgain, UnknownName
from domain.store import Store
from domain.values import Actor, Role
from domain.work_records import Person, Thread

KEY_BYTES = 32
PREFIX = "rdm_"  # lets a leaked key be recognised by secret scanners
PREFIX_SHOWN = 8


def actor_of_key(store: Store, key: str) -> Actor | None:
    """The active person whose key it is. Keys are random, so a plain SHA-256 cannot be turned back."""
    with store.read() as session:
        query = select(Person).where(Person.key_sha256 == _digest(key), Person.active.is_(True))
        found = session.scalars(query).one_or_none()
    return _actor(found) if found else None


def actor_named(store: Store, name: str) -> Actor | None:
    """The active person of that name."""
    with store.read() as session:
        found = session.get(Person, name)
    return _actor(found) if found and found.active else None


def has_keys(store: Store) -> bool:
    """Whether anybody in the directory could show a key."""
    with store.read() as session:
        query = select(Person.name).where(Person.key_sha256.is_not(None), Person.active.is_(True)).limit(1)
        return session.scalars(query).first() is not None


def owner_of_thread(store: Store, thread: str) -> str | None:
    """Who began a conversation; None when there is none of that id."""
    with store.read() as session:
        found = session.get(Thread, thread)
    return found.owner if found else None


def list_people(store: Store) -> list[Person]:
    """Everybody, by name."""
    with store.read() as session:
        return list(session.scalars(select(Person).order_by(Person.name)))


def add_person(store: Store, actor: Actor) -> str:
    """Adds or renews a person and returns their new key, which is kept nowhere. Raises AskAgain for no name."""
    if not actor.name:
        raise AskAgain("A person needs a name.")
    key = PREFIX + secrets.token_urlsafe(KEY_BYTES)
    with store.write() as session:
        session.merge(
            Person(
                name=actor.name, role=actor.role.value, zone=actor.zone, key_sha256=_digest(key),
                key_prefix=key[:PREFIX_SHOWN], scopes=sorted(actor.scopes), active=True,
            )
        )  # fmt: skip
    return key


def remove_person(store: Store, name: str) -> None:
    """Takes the key away; the name stays, because records speak of it. Raises UnknownName."""
    with store.write() as session:
        if session.get(Person, name) is None:
            raise UnknownName("person in the directory", name)
        session.execute(update(Person).where(Person.name == name).values(active=False, key_sha256=None))


def _actor(person: Person) -> Actor:
    return Actor(person.name, Role(person.role), person.zone, frozenset(person.scopes))


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()

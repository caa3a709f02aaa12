"""What notifications is told: secrets come from files, and a key that could be guessed is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from services.notifications.settings import NotificationsSettings


def told(tmp_path: Path, **more: Any) -> NotificationsSettings:
    return NotificationsSettings(
        signing_key_file=tmp_path / "own.pem", trusted_keys_file=tmp_path / "trusted", **more
    )


def test_secrets_are_read_from_files(tmp_path: Path) -> None:
    password, key = tmp_path / "password", tmp_path / "key"
    password.write_text("hunter2\n")
    key.write_text(f"{'k' * 64}\n")
    settings = told(tmp_path, smtp_password_file=password, address_key_file=key)
    assert settings.password() == "hunter2"
    assert settings.address_key() == b"k" * 64
    assert "hunter2" not in repr(settings)
    assert told(tmp_path).password() == ""


def test_a_key_that_could_be_guessed_is_refused(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("short")
    for settings in (told(tmp_path), told(tmp_path, address_key_file=key)):
        with pytest.raises(ValueError, match="ADDRESS_KEY_FILE"):
            settings.address_key()


def test_the_key_of_webhooks_is_read_or_there_are_none(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text(f"{'k' * 64}\n")
    assert told(tmp_path).webhook_key() is None
    assert told(tmp_path, webhook_key_file=key).webhook_key() == b"k" * 64
    assert told(tmp_path).webhooks_inside is False
    key.write_text("short")
    with pytest.raises(ValueError, match="WEBHOOK_KEY_FILE"):
        told(tmp_path, webhook_key_file=key).webhook_key()

"""`python -m devstack.openid` serves the providers; `rotate ISSUER` gives one a new key."""

from __future__ import annotations

import argparse

import uvicorn

from devstack.openid.app import create_app
from devstack.openid.keys import SigningKeys
from devstack.openid.people import COMPANIES
from devstack.openid.settings import OpenIDSettings


def main() -> None:
    """Serve until told to stop, or rotate and say the new key's id."""
    parser = argparse.ArgumentParser(prog="python -m devstack.openid", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("serve", help="serve all issuers (the default)")
    rotate = commands.add_parser("rotate", help="sign with a new key; the old one verifies 1 h on")
    rotate.add_argument("issuer", choices=[company.key for company in COMPANIES])
    arguments = parser.parse_args()
    settings = OpenIDSettings()
    if arguments.command == "rotate":
        print(SigningKeys(settings.data / arguments.issuer / "keys", arguments.issuer).rotate())
    else:
        app = create_app(settings)
        uvicorn.run(app, host="127.0.0.1", port=settings.port, log_level="info")


if __name__ == "__main__":
    main()

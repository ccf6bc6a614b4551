"""A whole native app with Authlib: the system's browser logs in, and comes back to a port that was free (RFC 8252).

It prints the address to open. Commands come line by line: refresh, logout.
"""

import json
import os
import sys
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import urlencode

from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.jwk import KeySet

ISSUER, CLIENT_ID = os.environ["ISSUER"], os.environ["CLIENT_ID"]


def read(url):
    with urllib.request.urlopen(url) as answer:
        return json.load(answer)


def say(**facts):
    print(json.dumps(facts), flush=True)


class Callback(BaseHTTPRequestHandler):
    """What the browser comes back to."""

    def do_GET(self):
        self.server.came_to = self.path
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"You can close this tab and go back to the app.")

    def log_message(self, *_arguments):
        """Say nothing: the address has the code in it."""


portal = read(f"{ISSUER}/.well-known/openid-configuration")
listener = HTTPServer(("127.0.0.1", 0), Callback)
verifier, nonce = generate_token(48), generate_token(24)
session = OAuth2Session(
    CLIENT_ID,
    redirect_uri=f"http://127.0.0.1:{listener.server_port}/callback",
    scope="openid profile email",
    code_challenge_method="S256",
    token_endpoint_auth_method="none",
)
url, state = session.create_authorization_url(portal["authorization_endpoint"], code_verifier=verifier, nonce=nonce)
say(open=url)
listener.handle_request()
tokens = session.fetch_token(
    portal["token_endpoint"], authorization_response=listener.came_to, state=state, code_verifier=verifier
)
claims = jwt.decode(tokens["id_token"], KeySet.import_key_set(read(portal["jwks_uri"]))).claims
registry = jwt.JWTClaimsRegistry(
    iss={"essential": True, "value": ISSUER}, aud={"essential": True, "value": CLIENT_ID}, exp={"essential": True},
    nonce={"essential": True, "value": nonce},
)  # fmt: skip
registry.validate(claims)
say(email=session.get(portal["userinfo_endpoint"]).json()["email"])

for line in sys.stdin:
    if line.strip() == "refresh":
        new = session.refresh_token(portal["token_endpoint"], refresh_token=session.token["refresh_token"])
        say(refreshed=new["access_token"] != tokens["access_token"])
    if line.strip() == "logout":
        say(open=f"{portal['end_session_endpoint']}?{urlencode({'id_token_hint': tokens['id_token']})}")

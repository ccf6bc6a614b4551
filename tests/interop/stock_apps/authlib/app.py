"""A whole app with Authlib in Flask: it reads the portal's discovery document and checks the ID token."""

import os
from urllib.parse import urlencode

from authlib.integrations.flask_client import OAuth
from flask import Flask, redirect, session

APP_URL, ISSUER = os.environ["APP_URL"], os.environ["ISSUER"]

app = Flask(__name__)
app.secret_key = "a-long-random-text-that-signs-the-cookie"
portal = OAuth(app).register(
    "portal",
    client_id=os.environ["CLIENT_ID"],
    client_secret=os.environ["CLIENT_SECRET"],
    server_metadata_url=f"{ISSUER}/.well-known/openid-configuration",
    client_kwargs={"scope": "openid profile email", "code_challenge_method": "S256"},
)


@app.get("/")
def me():
    return {"email": session.get("email")}


@app.get("/login")
def login():
    return portal.authorize_redirect(f"{APP_URL}/callback")


@app.get("/callback")
def callback():
    token = portal.authorize_access_token()  # checks state, PKCE, signature, iss, aud, exp and nonce
    session.update(email=portal.userinfo(token=token)["email"], id_token=token["id_token"])
    session.update(access_token=token["access_token"], refresh_token=token["refresh_token"])
    return redirect("/")


@app.get("/refresh")
def refresh():
    token = portal.fetch_access_token(grant_type="refresh_token", refresh_token=session["refresh_token"])
    refreshed = token["access_token"] != session["access_token"]
    session.update(access_token=token["access_token"], refresh_token=token["refresh_token"])
    return {"refreshed": refreshed}


@app.get("/logout")
def logout():
    asked = {"id_token_hint": session["id_token"], "post_logout_redirect_uri": f"{APP_URL}/"}
    session.clear()
    return redirect(f"{portal.load_server_metadata()['end_session_endpoint']}?{urlencode(asked)}")


app.run("127.0.0.1", int(os.environ["PORT"]))

"""What an app has to know of its provider: three things. The rest is in the provider's discovery document."""

import os

ISSUER = os.environ.get("DEMO_ISSUER", "http://localhost:8000").rstrip("/")
CLIENT_ID = os.environ.get("DEMO_CLIENT_ID", "demo-app")
CLIENT_SECRET = os.environ.get("DEMO_CLIENT_SECRET") or None  # without one it is a public client, with PKCE alone

DEMO_URL = os.environ.get("DEMO_URL", "http://127.0.0.1:8001").rstrip("/")  # where browsers find this app
# Seconds for each call to the provider. With four a second try still comes within its ten for a retry.
ANSWER_WITHIN = float(os.environ.get("DEMO_ANSWER_WITHIN", "4"))
CALLBACK = f"{DEMO_URL}/callback"  # registered with the provider, character by character

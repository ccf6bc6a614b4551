// A whole app with openid-client: log in, show who it is, refresh, log out. One person at a time, so its session is a variable.
import { createServer } from "node:http";
import * as client from "openid-client";

const { APP_URL, ISSUER, CLIENT_ID, CLIENT_SECRET, PORT } = process.env;
const redirect_uri = `${APP_URL}/callback`;

const config = await client.discovery(new URL(ISSUER), CLIENT_ID, undefined, client.ClientSecretBasic(CLIENT_SECRET), {
  execute: [client.allowInsecureRequests], // only because the portal of this test is on localhost
});
const sessions = new Map();

async function login(session) {
  session.verifier = client.randomPKCECodeVerifier();
  session.state = client.randomState();
  session.nonce = client.randomNonce();
  return client.buildAuthorizationUrl(config, {
    redirect_uri,
    scope: "openid profile email",
    code_challenge: await client.calculatePKCECodeChallenge(session.verifier),
    code_challenge_method: "S256",
    state: session.state,
    nonce: session.nonce,
  });
}

async function callback(session, url) {
  session.tokens = await client.authorizationCodeGrant(config, url, {
    pkceCodeVerifier: session.verifier,
    expectedState: session.state,
    expectedNonce: session.nonce,
    idTokenExpected: true,
  });
  session.id_token = session.tokens.id_token;
  const { sub } = session.tokens.claims();
  session.person = await client.fetchUserInfo(config, session.tokens.access_token, sub);
}

async function refresh(session) {
  const before = session.tokens.access_token;
  session.tokens = await client.refreshTokenGrant(config, session.tokens.refresh_token);
  return { refreshed: session.tokens.access_token !== before };
}

function logout(session) {
  return client.buildEndSessionUrl(config, { id_token_hint: session.id_token, post_logout_redirect_uri: `${APP_URL}/` });
}

createServer(async (request, response) => {
  const url = new URL(request.url, APP_URL);
  const id = /app_session=([a-z0-9-]+)/.exec(request.headers.cookie ?? "")?.[1] ?? crypto.randomUUID();
  const session = sessions.get(id) ?? {};
  sessions.set(id, session);
  response.setHeader("set-cookie", `app_session=${id}; HttpOnly; SameSite=Lax; Path=/`);
  const go = (address) => response.writeHead(302, { location: String(address) }).end();
  try {
    if (url.pathname === "/login") go(await login(session));
    else if (url.pathname === "/callback") (await callback(session, url), go("/"));
    else if (url.pathname === "/refresh") response.end(JSON.stringify(await refresh(session)));
    else if (url.pathname === "/logout") (sessions.delete(id), go(logout(session)));
    else response.end(JSON.stringify({ email: session.person?.email ?? null }));
  } catch (refusal) {
    response.writeHead(500).end(`${refusal.error ?? refusal.code}: ${refusal.message}`);
  }
}).listen(Number(PORT), "127.0.0.1");

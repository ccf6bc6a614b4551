// A whole app with oauth4webapi: each step of the protocol is a call, each answer is checked by the library.
import { createServer } from "node:http";
import * as oauth from "oauth4webapi";

const { APP_URL, ISSUER, CLIENT_ID, CLIENT_SECRET, PORT } = process.env;
const redirect_uri = `${APP_URL}/callback`;
const insecure = { [oauth.allowInsecureRequests]: true }; // only because the portal of this test is on localhost

const issuer = new URL(ISSUER);
const server = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, insecure));
const client = { client_id: CLIENT_ID };
const authentication = oauth.ClientSecretBasic(CLIENT_SECRET);
const sessions = new Map();

async function login(session) {
  session.verifier = oauth.generateRandomCodeVerifier();
  session.state = oauth.generateRandomState();
  session.nonce = oauth.generateRandomNonce();
  const url = new URL(server.authorization_endpoint);
  url.search = new URLSearchParams({
    client_id: CLIENT_ID,
    redirect_uri,
    response_type: "code",
    scope: "openid profile email",
    code_challenge: await oauth.calculatePKCECodeChallenge(session.verifier),
    code_challenge_method: "S256",
    state: session.state,
    nonce: session.nonce,
  });
  return url;
}

async function callback(session, url) {
  const parameters = oauth.validateAuthResponse(server, client, url, session.state);
  const answer = await oauth.authorizationCodeGrantRequest(
    server, client, authentication, parameters, redirect_uri, session.verifier, insecure,
  );
  session.tokens = await oauth.processAuthorizationCodeResponse(server, client, answer, {
    expectedNonce: session.nonce,
    requireIdToken: true,
  });
  session.id_token = session.tokens.id_token;
  const { sub } = oauth.getValidatedIdTokenClaims(session.tokens);
  const told = await oauth.userInfoRequest(server, client, session.tokens.access_token, insecure);
  session.person = await oauth.processUserInfoResponse(server, client, sub, told);
}

async function refresh(session) {
  const before = session.tokens.access_token;
  const answer = await oauth.refreshTokenGrantRequest(
    server, client, authentication, session.tokens.refresh_token, insecure,
  );
  session.tokens = await oauth.processRefreshTokenResponse(server, client, answer);
  return { refreshed: session.tokens.access_token !== before };
}

function logout(session) {
  const url = new URL(server.end_session_endpoint);
  url.search = new URLSearchParams({ id_token_hint: session.id_token, post_logout_redirect_uri: `${APP_URL}/` });
  return url;
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
